"""Stream keys: the secrets with which encoders publish streams."""

import secrets
from urllib.parse import unquote

from soukloop.core.encryption import keyed_hashes

MAX_LENGTH = 128


def new_key() -> str:
    return f"sk_{secrets.token_hex(20)}"


def digest(key: str) -> str:
    """Return the keyed hash under which a stream key is stored.

    A space or line break that was pasted with the key is ignored, also one that the encoder has URL-encoded.
    """
    return digests(key)[0]


def digests(key: str) -> list[str]:
    """Return the keyed hashes under which a key may be stored: several while SECRET_KEY is replaced."""
    pasted = unquote(key[:MAX_LENGTH]).strip()
    return [found.hex() for found in keyed_hashes("livestream.stream_key", pasted)]
