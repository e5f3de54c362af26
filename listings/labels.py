"""Labels of distances and conditions in the active language."""

from functools import lru_cache
from typing import Any

from django.utils.translation import get_language, gettext, gettext_noop

_DISTANCES = (
    (1, gettext_noop("Walking distance")),
    (5, gettext_noop("Short drive")),
    (20, gettext_noop("Across town")),
    (60, gettext_noop("A drive away")),
)
_FAR_AWAY = gettext_noop("Far away")
_CONDITIONS = {
    "new": gettext_noop("New"),
    "like_new": gettext_noop("Like new"),
    "good": gettext_noop("Good"),
    "fair": gettext_noop("Fair"),
}


def distance_fields(metres: float, language: str | None = None) -> dict[str, Any]:
    """Return `distance_km` and `distance_label` of a product (contract 2.4)."""
    distance = round(metres / 1000, 3)
    return {"distance_km": distance, "distance_label": distance_label(distance, language)}


def distance_label(distance_km: float, language: str | None = None) -> str:
    """Return a distance in words (contract 2.4: "Walking distance"); `language` as in `condition_label`."""
    for limit, label in _DISTANCES:
        if distance_km < limit:
            return _translated(language or get_language(), label)
    return _translated(language or get_language(), _FAR_AWAY)


def condition_label(condition: str, language: str | None = None) -> str:
    """Return a product's condition in words.

    `language` is the active one, for lists, which look it up once: Django takes 3 µs for it.
    """
    return _translated(language or get_language(), _CONDITIONS.get(condition, condition))


@lru_cache(maxsize=256)
def _translated(language: str | None, text: str) -> str:
    # Kept, because a page has twenty cards. The language is the one that `gettext` translates into.
    return gettext(text)
