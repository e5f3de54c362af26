"""Words one typing mistake apart."""


def deletion_variants(word: str) -> list[str]:
    """Return the word and everything it becomes when one letter is dropped.

    Two words that are one letter changed, added, dropped or swapped apart have one of these in common (the
    idea of SymSpell): an index finds them all, short ones too, where trigrams have nothing left to compare.
    """
    return sorted({word, *(word[:place] + word[place + 1 :] for place in range(len(word)))} - {""})


def edit_distance(one: str, other: str) -> int:
    """Count the letters changed, added, dropped, or swapped with their neighbour between two words."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        previous, row = row, [i]
        for j, counterpart in enumerate(other, start=1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != counterpart))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == counterpart:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before = previous
    return row[-1]
