"""Maintaining the words of titles, which are used to correct and complete searches."""

import re
from collections.abc import Iterable

from django.db import connection, transaction

from listings.models import SearchWord
from listings.spelling import deletion_variants

_EDGES = re.compile(r"^\W+|\W+$")
_WORD_MAX = 40


def add_words(text: str) -> None:
    """Add the words of a title; words that are known already don't change."""
    written = {word for part in text.split() if 1 < len(word := _EDGES.sub("", part)) <= _WORD_MAX}
    if not written:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            # Of a word such as "zyx-0501234567", each part is displayed alone, because other titles may use
            # it after this one has been deleted.
            # "256 GB" is the word "256gb", so the title is divided as a whole.
            "SELECT word, coalesce((SELECT max(written) FROM unnest(%s::text[]) AS written"
            " WHERE listings_fold(written) = word), word)"
            " FROM unnest(to_tsvector('pg_catalog.simple',"
            " listings_split(listings_measured(listings_fold(%s))))) AS t(word)",
            [sorted(written), text],
        )
        displays = {word: text for word, text in cursor.fetchall() if 1 < len(word) <= _WORD_MAX}
    # Sorted, so that two sellers who add the same words at the same time can't deadlock.
    _insert((word, displays[word].lower(), 1) for word in sorted(displays))


@transaction.atomic
def recount_words() -> int:
    """Recount how many titles use each word and delete unused ones; return how many words are left."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            "SELECT word, ndoc FROM ts_stat($$SELECT to_tsvector('pg_catalog.simple',"
            " listings_split(listings_measured(listings_fold(title)))) FROM listings_product"
            " WHERE status = 'active' AND NOT seller_closed$$)"
            " WHERE length(word) BETWEEN 2 AND %s ORDER BY word",
            [_WORD_MAX],
        )
        counted = dict(cursor.fetchall())
        known = set(SearchWord.objects.values_list("word", flat=True))
        _insert((word, word, uses) for word, uses in counted.items() if word not in known)
        cursor.execute(
            "UPDATE listings_searchword SET uses = counted.uses"
            " FROM unnest(%s::text[], %s::int[]) AS counted(word, uses)"
            " WHERE listings_searchword.word = counted.word"
            " AND listings_searchword.uses <> counted.uses",
            [list(counted), list(counted.values())],
        )
    SearchWord.objects.filter(word__in=known - counted.keys()).delete()
    return len(counted)


def _insert(words: Iterable[tuple[str, str, int]]) -> None:
    SearchWord.objects.bulk_create(
        (
            SearchWord(word=word, display=display, uses=uses, without_one_letter=deletion_variants(word))
            for word, display, uses in words
        ),
        ignore_conflicts=True,
        batch_size=2000,
    )
