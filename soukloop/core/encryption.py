"""Encryption of short-lived secrets in the database, with keys derived from SECRET_KEY."""

import base64
from datetime import timedelta
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

__all__ = ["InvalidToken", "decrypt", "encrypt"]


def encrypt(text: str, *, purpose: str) -> str:
    """Return the text as a Fernet token; each purpose has a key of its own."""
    return _fernet(purpose, _secrets()).encrypt(text.encode()).decode()


def decrypt(token: str, *, purpose: str, max_age: timedelta) -> str:
    """Return the text of a token; raises InvalidToken if it is too old or was made with another key.

    Keys in SECRET_KEY_FALLBACKS are accepted too.
    """
    fernet = _fernet(purpose, _secrets())
    return fernet.decrypt(token, ttl=int(max_age.total_seconds())).decode()


def _secrets() -> tuple[str, ...]:
    return settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS


@cache
def _fernet(purpose: str, secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive_key(secret, purpose)) for secret in secrets])


def _derive_key(secret: str, purpose: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode())
    return base64.urlsafe_b64encode(hkdf.derive(secret.encode()))
