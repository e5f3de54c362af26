"""Stream keys: the secrets with which encoders publish streams."""

import secrets
from urllib.parse import unquote

from django.utils.crypto import salted_hmac

MAX_LENGTH = 128


def new_key() -> str:
    return f"sk_{secrets.token_hex(20)}"


def digest(key: str) -> str:
    """Return the keyed hash under which a stream key is stored and looked up.

    A space or line break that was pasted with the key is ignored, also one that the encoder has URL-encoded.
    """
    pasted = unquote(key[:MAX_LENGTH]).strip()
    return salted_hmac("livestream.stream_key", pasted, algorithm="sha256").hexdigest()
