"""Search suggestions and correction of typos, from the words of titles (contract 2.5)."""

import re
import unicodedata
from typing import Any

from django.conf import settings

from listings.selectors.cards import Viewer
from listings.selectors.conditions import listed_for
from listings.spelling import deletion_variants, edit_distance
from soukloop.core.db.reads import Reads, Statement

_CORRECTIONS_MAX = 8
_CATEGORIES_MAX = 2  # in one answer
_CATEGORY_PREFIX_MIN = 2  # letters
_TYPED_WORD = re.compile(r"[^\s\"()]+")
# A word with more uses than this occurs in titles of several sellers, of whom the viewer has hardly blocked
# all. It is suggested without looking for a visible product. `uses` may be a day old.
_COMMON_USES = settings.ACTIVE_PRODUCTS_MAX
# A known word as a tsquery, with its quotes and backslashes escaped.
_WORD_QUERY = r"('''' || replace(replace(word, '\', '\\'), '''', '''''') || '''')::tsquery"
# Consecutive dashes, with any characters between them that PostgreSQL ignores or `listings_fold` removes.
_DASH_RUN = re.compile(r'(?:-(?:[^\w"-]|[\u0621\u0640\u06e5\u06e6])*){2,}')


def suggestions(text: str, *, viewer: Viewer | None) -> Reads[dict[str, Any]]:
    """Return the texts to suggest for what somebody is typing, as the answer has them."""
    return {"items": (yield from suggested_texts(text, viewer=viewer))}


def suggested_texts(text: str, *, viewer: Viewer | None, limit: int = 8) -> Reads[list[str]]:
    """Return categories that begin with the text, then completions of its last word, the most used first.

    A word or phrase is suggested only if a product that the viewer may see contains it, so not from deleted,
    hidden or renamed products, nor from sellers with whom the viewer has a block.
    """
    head, _, last = text.rpartition(" ")
    folded_text, folded_word = yield from _fold([text, last])
    names = yield from _category_names(folded_text, viewer)
    words = (yield from _completed_texts(head, folded_word, viewer, limit)) if folded_word else []
    known = {name.casefold() for name in names}
    return [*names, *(word for word in words if word.casefold() not in known)][:limit]


def _category_names(folded: str, viewer: Viewer | None) -> Reads[list[str]]:
    """Return names that begin with the text, of categories with a product that the viewer may see."""
    if len(folded) < _CATEGORY_PREFIX_MIN:
        return []
    where = listed_for(viewer)
    rows = yield Statement(
        "SELECT named.name FROM listings_category c CROSS JOIN LATERAL ("
        "SELECT name FROM unnest(c.search_names, c.search_keys) AS n(name, key)"
        " WHERE key LIKE %s ORDER BY length(name) LIMIT 1) named"
        " WHERE EXISTS (SELECT 1 FROM listings_product p"
        f" WHERE {where.sql} AND p.category_id = c.slug LIMIT 1) ORDER BY c.position LIMIT {_CATEGORIES_MAX}",
        [_prefix_pattern(folded), *where.params],
    )
    return [name for (name,) in rows]


def _completed_texts(head: str, folded: str, viewer: Viewer | None, limit: int) -> Reads[list[str]]:
    """Return the texts in which the word, folded, is completed or corrected."""
    is_visible, visible_params = _is_visible(viewer)
    words = yield Statement(
        "SELECT display FROM (SELECT word, display, uses FROM listings_searchword WHERE word LIKE %s"
        f" ORDER BY uses DESC, word LIMIT {limit * 3}) known WHERE {is_visible} ORDER BY uses DESC, word",
        [_prefix_pattern(folded), *visible_params],
    )
    completed = [display for (display,) in words]
    if not completed and (corrected := (yield from _corrected_word(folded, viewer))):
        completed = [corrected]
    phrases = [f"{head} {word}".strip() for word in completed]
    if not head.strip():
        return phrases[:limit]
    where = listed_for(viewer)
    found = yield Statement(
        "SELECT place FROM unnest(%s::text[]) WITH ORDINALITY AS typed(phrase, place)"
        f" WHERE EXISTS (SELECT 1 FROM listings_product p WHERE {where.sql}"
        f" AND p.search_document @@ listings_search_query(phrase) LIMIT 1) ORDER BY place LIMIT {limit}",
        [[without_dash_runs(phrase) for phrase in phrases], *where.params],
    )
    return [phrases[place - 1] for (place,) in found]


def corrected_text(text: str, *, viewer: Viewer | None) -> Reads[str | None]:
    """Return the text with typos replaced by known words, or None if there is nothing to correct."""
    typed = _TYPED_WORD.findall(text)
    folded = dict(zip(typed, (yield from _fold(typed)), strict=True))
    rows = yield Statement(
        "SELECT word FROM listings_searchword WHERE word = ANY(%s::text[])", [list(folded.values())]
    )
    known = {word for (word,) in rows}
    corrections: dict[str, str] = {}
    for word, normal in folded.items():
        if normal and normal not in known and (better := (yield from _corrected_word(normal, viewer))):
            corrections[word] = better
    if not corrections:
        return None
    return _TYPED_WORD.sub(lambda match: corrections.get(match[0], match[0]), text)


def without_dash_runs(text: str) -> str:
    """Return the text without consecutive dashes: each is a NOT operator to PostgreSQL, which fails at 32.

    A single dash, which excludes a word, is kept. The text is normalised as by `listings_fold`, to find all
    kinds of dashes.
    """
    return _DASH_RUN.sub(" ", unicodedata.normalize("NFKD", text))


def _prefix_pattern(folded: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", folded) + "%"


def _is_visible(viewer: Viewer | None) -> tuple[str, list[Any]]:
    """Return the SQL condition that the viewer may see a product with the known word, with its parameters.

    It is checked only for rare words, for which it is cheap: the index reads all entries of a word before it
    returns the first.
    """
    where = listed_for(viewer)
    return (
        f"(uses > {_COMMON_USES} OR EXISTS (SELECT 1 FROM listings_product p"
        f" WHERE {where.sql} AND p.search_document @@ {_WORD_QUERY} LIMIT 1))",
        where.params,
    )


def _fold(words: list[str]) -> Reads[list[str]]:
    rows = yield Statement(
        "SELECT listings_fold(word) FROM unnest(%s::text[]) WITH ORDINALITY AS w(word, place) ORDER BY place",
        [words],
    )
    return [word.strip(" .,;:!?'-_/") for (word,) in rows]


def _corrected_word(word: str, viewer: Viewer | None) -> Reads[str | None]:
    """Return the known word with the fewest typos (one, or two for long words), or else the most used."""
    if len(word) < 3 or len(word) > 40:
        return None
    candidates = yield Statement(
        "SELECT word, uses FROM listings_searchword WHERE without_one_letter && %s::varchar[] LIMIT 500",
        [deletion_variants(word)],
    )
    typos_max = 2 if len(word) >= 8 else 1
    ranked = sorted((edit_distance(word, known), -uses, known) for known, uses in candidates)
    near = [known for typos, _, known in ranked if 0 < typos <= typos_max][:_CORRECTIONS_MAX]
    if not near:
        return None
    is_visible, visible_params = _is_visible(viewer)
    rows = yield Statement(
        f"SELECT word, display FROM listings_searchword WHERE word = ANY(%s::text[]) AND {is_visible}",
        [near, *visible_params],
    )
    displays: dict[str, str] = dict(rows)
    return next((displays[known] for known in near if known in displays), None)
