"""Addresses of media: which of them are stored by us."""

import posixpath
import unicodedata
from functools import cache
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import UUID

from django.conf import settings
from django.core.files.storage import Storage, default_storage, storages
from django.core.signals import setting_changed


def stored_name(address: str) -> str | None:
    """Return the storage name of an uploaded file by its URL, or None for any other address."""
    base = _upload_base()
    name = unquote(address.removeprefix(base)).lstrip("/") if address.startswith(base) else ""
    return name if name and ".." not in name else None


def own_upload(address: str, owner_id: UUID) -> str | None:
    """Return the storage name of an existing file that this person uploaded, by its URL, else None.

    Uploads are stored as `<folder>/<the uploader's id>/<file>`.
    """
    name = stored_name(address)
    if name is None or name.split("/")[1:2] != [str(owner_id)] or not default_storage.exists(name):
        return None
    return name


def is_own_media(address: str) -> bool:
    """Return whether an address is on our media server or in our storage."""
    return any(address.startswith(base) for base in _bases())


def is_spelled_otherwise(address: str) -> bool:
    """Return whether an http address leads to our media, but isn't written as we write it.

    Such as with capital letters in the host, a port that needn't be given, `/./` in the path or a query: the
    rules for our own files, such as whose they are, look at the address as we answer it.
    """
    if not any(_leads_into(address, base) for base in _bases()):
        return False
    path = urlsplit(address).path
    is_plain = posixpath.normpath(path) == path and unquote(path) == path
    return not (is_plain and is_own_media(address)) or "?" in address or "#" in address


def _leads_into(address: str, base: str) -> bool:
    asked, ours = urlsplit(address), urlsplit(base)
    if (_host(asked), _port(asked)) != (_host(ours), _port(ours)):
        return False
    # A second slash at the beginning is kept by `normpath`.
    path = posixpath.normpath(unquote(asked.path)).replace("//", "/")
    return path.startswith(ours.path or "/")


def _host(parts: SplitResult) -> str:
    """Return the host as clients ask for it: without its last dot, and in plain letters (RFC 5895)."""
    host = unicodedata.normalize("NFKC", parts.hostname or "").replace("\u3002", ".")
    return host.lower().rstrip(".")


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def media_origins() -> set[str]:
    """Return the origins, such as `https://cdn.example.com`, from which uploads and videos are served."""
    return {urlsplit(base)._replace(path="").geturl() for base in _bases()}


def _bases() -> tuple[str, ...]:
    return settings.MEDIA_URL, _upload_base(), _base(storages["replays"])


@cache  # lists look at the addresses of many pictures
def _upload_base() -> str:
    return _base(default_storage)


def _base(storage: Storage) -> str:
    return storage.url("x").removesuffix("x")  # S3 has no URL for an empty name


def _clear(*, setting: str, **_: Any) -> None:
    if setting in ("STORAGES", "MEDIA_URL"):
        _upload_base.cache_clear()


setting_changed.connect(_clear)
