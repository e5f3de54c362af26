"""The six digits with which a buyer proves that a product was handed over; stored encrypted."""

import secrets
from datetime import timedelta

from soukloop.core.encryption import decrypt, encrypt

_PURPOSE = "orders.hand_over_code"
_MAX_AGE = timedelta(days=3650)  # it is deleted with its use, however long that takes


def new_code() -> str:
    """Return an encrypted new code."""
    return encrypt(f"{secrets.randbelow(10**6):06d}", purpose=_PURPOSE)


def plain_code(encrypted: str) -> str:
    """Return the digits of an encrypted code."""
    return decrypt(encrypted, purpose=_PURPOSE, max_age=_MAX_AGE)


def is_right(encrypted: str, code: str) -> bool:
    """Compare in a time that tells nothing of the code."""
    return secrets.compare_digest(plain_code(encrypted).encode(), code.encode())
