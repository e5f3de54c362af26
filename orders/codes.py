"""The six digits with which a buyer proves that a product was handed over; stored encrypted."""

import secrets

from soukloop.core.encryption import decrypt, encrypt

PURPOSE = "orders.hand_over_code"


def new_code() -> str:
    """Return an encrypted new code."""
    return encrypt(f"{secrets.randbelow(10**6):06d}", purpose=PURPOSE)


def plain_code(encrypted: str) -> str:
    """Return the digits of an encrypted code."""
    return decrypt(encrypted, purpose=PURPOSE)


def is_right(encrypted: str, code: str) -> bool:
    """Compare in a time that tells nothing of the code."""
    return secrets.compare_digest(plain_code(encrypted).encode(), code.encode())
