"""Encryption of secrets in the database, and keyed hashes, with keys derived from SECRET_KEY.

While SECRET_KEY is replaced, what was made with a key in SECRET_KEY_FALLBACKS is accepted too.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils.crypto import salted_hmac

__all__ = [
    "InvalidToken",
    "declare_encrypted_field",
    "decrypt",
    "encrypt",
    "keyed_hashes",
    "rotate",
    "rotate_declared_fields",
    "secret_keys",
]

_BATCH = 500


def encrypt(text: str, *, purpose: str) -> str:
    """Return the text as a Fernet token; each purpose has a key of its own."""
    return _fernet(purpose, secret_keys()).encrypt(text.encode()).decode()


def decrypt(token: str, *, purpose: str, max_age: timedelta | None = None) -> str:
    """Return the text of a token; raises InvalidToken if it is too old or was made with another key.

    Without `max_age` it never gets too old: for fields that are kept, which `declare_encrypted_field` names.
    """
    fernet = _fernet(purpose, secret_keys())
    return fernet.decrypt(token, ttl=None if max_age is None else int(max_age.total_seconds())).decode()


def rotate(token: str, *, purpose: str) -> str:
    """Return a token of the same text and age by SECRET_KEY, unchanged if it is one; raises InvalidToken."""
    keys = secret_keys()
    try:
        _fernet(purpose, keys[:1]).decrypt(token)
    except InvalidToken:
        return _fernet(purpose, keys).rotate(token).decode()
    return token


def secret_keys() -> tuple[str, ...]:
    """Return the keys that are accepted, SECRET_KEY first."""
    return settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS


def keyed_hashes(salt: str, value: str | bytes) -> list[bytes]:
    """Return the keyed hashes (SHA-256) of a value by each accepted key, that of SECRET_KEY first.

    What is stored has the first; whoever looks for it or compares accepts all.
    """
    return [salted_hmac(salt, value, secret=key, algorithm="sha256").digest() for key in secret_keys()]


@dataclass(frozen=True)
class EncryptedField:
    """A column whose values `encrypt` made, and that are kept for longer than a rotation takes."""

    model: type[Model]
    column: str
    purpose: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.column}"


_declared: list[EncryptedField] = []


def declare_encrypted_field(model: type[Model], column: str, *, purpose: str) -> None:
    """Let `manage.py rotate_encryption` encrypt a column again; an app calls it in its module `receivers`."""
    field = EncryptedField(model, column, purpose)
    if field not in _declared:
        _declared.append(field)


def rotate_declared_fields() -> Iterator[tuple[EncryptedField, int, list[Any]]]:
    """Encrypt each declared column by SECRET_KEY; yield how many rows have changed, and whose key is unknown.

    In batches that commit by themselves, each with its rows locked: it may be interrupted, run again, and run
    beside everything else, once all processes encrypt with the new key.
    """
    for field in _declared:
        changed, unreadable, last = 0, [], None
        while True:
            rows = field.model._default_manager.order_by("pk").exclude(**{field.column: ""})
            rows = rows.exclude(**{f"{field.column}__isnull": True})
            with transaction.atomic():
                after = rows if last is None else rows.filter(pk__gt=last)
                batch = list(after.select_for_update(no_key=True).values_list("pk", field.column)[:_BATCH])
                for pk, token in batch:
                    try:
                        new = rotate(token, purpose=field.purpose)
                    except InvalidToken:
                        unreadable.append(pk)
                        continue
                    if new != token:
                        field.model._default_manager.filter(pk=pk).update(**{field.column: new})
                        changed += 1
            if len(batch) < _BATCH:
                break
            last = batch[-1][0]
        yield field, changed, unreadable


@cache
def _fernet(purpose: str, secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive_key(secret, purpose)) for secret in secrets])


def _derive_key(secret: str, purpose: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode())
    return base64.urlsafe_b64encode(hkdf.derive(secret.encode()))
