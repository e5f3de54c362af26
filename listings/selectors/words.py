"""The words of titles (contract 2.5): what was begun to be typed, and what was meant."""

import re
import unicodedata
from typing import Any

from django.conf import settings

from listings.selectors.cards import Viewer
from listings.selectors.pages import Where, hide_blocked
from listings.spelling import deletion_variants, edit_distance
from soukloop.core.db.reads import Reads, Statement

_CORRECTIONS_MAX = 8
_TYPED_WORD = re.compile(r"[^\s\"()]+")
# More titles than a seller has use such a word: it isn't gone by the next count, and nobody's secret.
_COMMON = settings.ACTIVE_PRODUCTS_MAX
# A known word as what is looked for, whatever signs are in it.
_WORD_QUERY = r"('''' || replace(replace(word, '\', '\\'), '''', '''''') || '''')::tsquery"
# Dashes in a row, with anything between them that PostgreSQL passes over or `listings_fold` drops.
_DASHES = re.compile(r'(?:-(?:[^\w"-]|[\u0621\u0640\u06e5\u06e6])*){2,}')


def suggestions(text: str, *, viewer: Viewer | None, limit: int = 8) -> Reads[list[str]]:
    """Complete the last word of what was typed so far, the words most used in titles first.

    Only by words that a product in the viewer's lists has: what was deleted, hidden or retitled leaves none
    behind, and nor do people who are hidden from the viewer.
    """
    head, _, last = text.rpartition(" ")
    [folded] = yield from _fold([last])
    if not folded:
        return []
    is_shown, shown_params = _is_shown(viewer)
    words = yield Statement(
        "SELECT display FROM (SELECT word, display, uses FROM listings_searchword WHERE word LIKE %s"
        f" ORDER BY uses DESC, word LIMIT {limit * 3}) known WHERE {is_shown} ORDER BY uses DESC, word",
        [re.sub(r"([%_\\])", r"\\\1", folded) + "%", *shown_params],
    )
    completed = [display for (display,) in words]
    if not completed and (corrected := (yield from _corrected_word(folded, viewer))):
        completed = [corrected]
    phrases = [f"{head} {word}".strip() for word in completed]
    if not head.strip():
        return phrases[:limit]
    where = _shown_to(viewer)
    found = yield Statement(
        "SELECT place FROM unnest(%s::text[]) WITH ORDINALITY AS typed(phrase, place)"
        f" WHERE EXISTS (SELECT 1 FROM listings_product p WHERE {where.sql}"
        f" AND p.search_document @@ listings_search_query(phrase) LIMIT 1) ORDER BY place LIMIT {limit}",
        [[searchable(phrase) for phrase in phrases], *where.params],
    )
    return [phrases[place - 1] for (place,) in found]


def corrected_text(text: str, *, viewer: Viewer | None) -> Reads[str | None]:
    """Put known words in the place of mistyped ones; None where there is nothing to put right."""
    typed = _TYPED_WORD.findall(text)
    folded = dict(zip(typed, (yield from _fold(typed)), strict=True))
    rows = yield Statement(
        "SELECT word FROM listings_searchword WHERE word = ANY(%s::text[])", [list(folded.values())]
    )
    known = {word for (word,) in rows}
    meant: dict[str, str] = {}
    for word, normal in folded.items():
        if normal and normal not in known and (better := (yield from _corrected_word(normal, viewer))):
            meant[word] = better
    if not meant:
        return None
    return _TYPED_WORD.sub(lambda match: meant.get(match[0], match[0]), text)


def searchable(text: str) -> str:
    """Return the text with dashes in a row gone: each is a NOT to PostgreSQL, which fails at 32 of them.

    Nobody means to exclude by more than one dash; taken apart as `listings_fold` does it itself.
    """
    return _DASHES.sub(" ", unicodedata.normalize("NFKD", text))


def _is_shown(viewer: Viewer | None) -> tuple[str, list[Any]]:
    """Return the condition that some product in this person's lists has a known word, and its parameters.

    Looked up for the rare only, where it costs next to nothing: the index reads all places of a word before
    the first is looked at.
    """
    where = _shown_to(viewer)
    return (
        f"(uses > {_COMMON} OR EXISTS (SELECT 1 FROM listings_product p"
        f" WHERE {where.sql} AND p.search_document @@ {_WORD_QUERY} LIMIT 1))",
        where.params,
    )


def _shown_to(viewer: Viewer | None) -> Where:
    where = Where()
    where.add("p.status = 'active' AND NOT p.seller_closed")
    hide_blocked(where, viewer)
    return where


def _fold(words: list[str]) -> Reads[list[str]]:
    rows = yield Statement(
        "SELECT listings_fold(word) FROM unnest(%s::text[]) WITH ORDINALITY AS w(word, place) ORDER BY place",
        [words],
    )
    return [word.strip(" .,;:!?'-_/") for (word,) in rows]


def _corrected_word(word: str, viewer: Viewer | None) -> Reads[str | None]:
    """Return the most used known word one typing mistake away, two for long ones."""
    if len(word) < 3 or len(word) > 40:
        return None
    candidates = yield Statement(
        "SELECT word, uses FROM listings_searchword WHERE without_one_letter && %s::varchar[] LIMIT 500",
        [deletion_variants(word)],
    )
    allowed = 2 if len(word) >= 8 else 1
    ranked = sorted((edit_distance(word, known), -uses, known) for known, uses in candidates)
    near = [known for apart, _, known in ranked if 0 < apart <= allowed][:_CORRECTIONS_MAX]
    if not near:
        return None
    is_shown, shown_params = _is_shown(viewer)
    rows = yield Statement(
        f"SELECT word, display FROM listings_searchword WHERE word = ANY(%s::text[]) AND {is_shown}",
        [near, *shown_params],
    )
    shown: dict[str, str] = dict(rows)
    return next((shown[known] for known in near if known in shown), None)
