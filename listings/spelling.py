"""Comparing words that differ by typos."""


def deletion_variants(word: str) -> list[str]:
    """Return the word and all its variants with one letter deleted, as SymSpell does.

    Words that differ by one changed, added, deleted or swapped letter have a variant in common, so an index
    finds all candidates; trigrams would miss some for short words.
    """
    return sorted({word, *(word[:place] + word[place + 1 :] for place in range(len(word)))} - {""})


def edit_distance(one: str, other: str) -> int:
    """Return the optimal string alignment distance: the changed, added, deleted and swapped letters."""
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
