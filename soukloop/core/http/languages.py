"""Which of our languages a request prefers."""

import re

_LANGUAGE_RANGE = re.compile(
    r"\s*([A-Za-z]{2,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?\s*"
)


def preferred_language(accept_language: str) -> str:
    """Return "ar" or "en", whichever an `Accept-Language` header (RFC 9110) prefers; "en" for neither."""
    weights = {"en": 0.0, "ar": 0.0}
    for part in accept_language[:200].split(","):
        found = _LANGUAGE_RANGE.fullmatch(part)
        if found and found[1].lower() in weights:
            language = found[1].lower()
            weights[language] = max(weights[language], float(found[2] or 1))
    return "ar" if weights["ar"] > weights["en"] else "en"
