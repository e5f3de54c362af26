"""Usernames that would pass for the company or its staff, and the function that recognizes them."""

import re

from django.utils.translation import gettext_lazy as _

RESERVED_MESSAGE = _("This username is reserved. Choose another one.")

# Refused wherever it stands in a username.
BRANDS = ("soukloop",)
# Refused alone, several together ("support.team"), and with a number behind ("admin24").
RESERVED = frozenset(
    [
        "abuse",
        "account",
        "accounts",
        "admin",
        "administrator",
        "admins",
        "api",
        "billing",
        "cashier",
        "compliance",
        "contact",
        "customercare",
        "customerservice",
        "customersupport",
        "escrow",
        "finance",
        "fraud",
        "fraudteam",
        "help",
        "helpdesk",
        "helpline",
        "inspector",
        "legal",
        "manager",
        "mod",
        "moderation",
        "moderator",
        "moderators",
        "mods",
        "nobody",
        "noreply",
        "notification",
        "notifications",
        "null",
        "office",
        "official",
        "operator",
        "payment",
        "payments",
        "police",
        "postmaster",
        "press",
        "privacy",
        "refund",
        "refunds",
        "root",
        "safety",
        "security",
        "service",
        "services",
        "staff",
        "status",
        "support",
        "supportteam",
        "sysadmin",
        "system",
        "team",
        "techsupport",
        "trust",
        "trustandsafety",
        "undefined",
        "verification",
        "verified",
        "verify",
        "webmaster",
    ]
)
# These make a reserved name of another word, but are no reserved name alone.
COMPANIONS = frozenset(
    ["ae", "app", "care", "center", "centre", "desk", "dubai", "gulf", "line", "mail", "online", "the", "uae"]
)

_LOOK_ALIKES = str.maketrans("0134578", "oleastb") | str.maketrans("i", "l") | str.maketrans("9", "g")
_REPEATED = re.compile(r"(.)\1+")
_NUMBER_BEHIND = re.compile(r"[0-9]+\Z")


def is_reserved_username(username: str) -> bool:
    """Return whether the username reads as a reserved one, whatever its case, dots or digits for letters."""
    words = [word for word in re.split(r"[._]", username.lower()) if word]
    spellings = {_folded("".join(words)), _folded(_NUMBER_BEHIND.sub("", "".join(words)))}
    if any(brand in spelling for brand in _FOLDED_BRANDS for spelling in spellings):
        return True
    if spellings & _FOLDED_RESERVED:
        return True
    named = [word for word in map(_folded, words) if word not in _FOLDED_COMPANIONS and not word.isdigit()]
    return bool(named) and all(word in _FOLDED_RESERVED for word in named)


def _folded(text: str) -> str:
    """Return the text with look-alikes merged (i, l and 1; o and 0; w and vv) and each letter once."""
    text = text.translate(_LOOK_ALIKES).replace("vv", "w").replace("rn", "m")
    return _REPEATED.sub(r"\1", text)


_FOLDED_BRANDS = {_folded(brand) for brand in BRANDS}
_FOLDED_RESERVED = {_folded(name) for name in RESERVED}
_FOLDED_COMPANIONS = {_folded(word) for word in COMPANIONS}
