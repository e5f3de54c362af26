"""Addresses of media: which of them are stored by us."""

from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit
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
