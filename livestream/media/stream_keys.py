"""Stream keys: what an encoder publishes with, known to its owner alone."""

import secrets

from django.utils.crypto import salted_hmac

LONGEST = 128


def mint() -> str:
    return f"sk_{secrets.token_hex(20)}"


def digest(key: str) -> str:
    """Return what is stored of a key: useless without SECRET_KEY, the same for the same key."""
    return salted_hmac("livestream.stream_key", key, algorithm="sha256").hexdigest()
