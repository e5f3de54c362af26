"""What people type or paste: digits of other scripts, and characters that nobody can see."""

import re
import unicodedata

# The marks that messengers put around a number, so that it keeps its direction in Arabic text.
_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_DIRECTION_MARKS = re.compile(f"[{_DIRECTION}]")
_SPACES_AND_DASHES = re.compile(r"[\s\u00ad\u2010-\u2015\u2212-]+")
_GROUPED = re.compile("(?<=[0-9])\u066c(?=[0-9])")  # Arabic thousands separator

# Scripts whose letters join, in which a joiner or non-joiner is part of the spelling: Arabic with Persian and
# Urdu, Syriac, the scripts of India, Tibetan, Myanmar, Khmer, Mongolian.
_JOINING = "\u0620-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc"
_EMOJI = "\u00a9\u00ae\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_TAGS = "\U000e0020-\U000e007f"
# Kept: the tags of a flag such as Scotland's. Removed: soft hyphens, zero-width spaces and joiners outside of
# their scripts and of emoji, overrides of direction, fillers that are drawn as blank, stray tags.
_HIDDEN = re.compile(
    f"(\U0001f3f4[{_TAGS}]+)"
    "|[\u00ad\u034f\u115f\u1160\u180e\u200b\u202a-\u202e\u2060-\u2065\u206a-\u206f\u2800\u3164\ufeff\uffa0"
    f"\ufff9-\ufffb\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
    f"|(?<![{_JOINING}])\u200c"
    f"|(?<![{_JOINING}{_EMOJI}\ufe0f])\u200d"
    f"|(?<=[{_EMOJI}\ufe0f])\u200d(?![{_EMOJI}])"
)


def normalize_digits(text: str) -> str:
    """Return the text with ASCII digits, an ASCII decimal point, and no marks of direction.

    Digits of every script are taken: Arabic-Indic, Persian and Urdu, full-width, Devanagari.
    """
    text = _DIRECTION_MARKS.sub("", text)
    if text.isascii():
        return text
    text = "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)
    return _GROUPED.sub("", text).replace("\u066b", ".")


def normalize_code(text: str) -> str:
    """Return a code of digits as it was meant: ASCII digits, without spaces and dashes between them."""
    return _SPACES_AND_DASHES.sub("", normalize_digits(text))


def remove_direction_marks(text: str) -> str:
    return _DIRECTION_MARKS.sub("", text)


def remove_hidden(text: str, *, has_lines: bool) -> str:
    """Return the text without characters that cannot be seen but make two texts differ, or hide a word.

    A text of one line (a name, a title) loses all marks of direction. One with lines keeps those that only
    order a paragraph, and loses those that turn its letters around.
    """
    if text.isascii():
        return text
    text = _HIDDEN.sub(lambda found: found[1] or "", text)
    return text if has_lines else remove_direction_marks(text)
