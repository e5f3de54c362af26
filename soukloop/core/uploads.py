"""Addresses of media: which of them are stored by us."""

from urllib.parse import unquote, urlsplit
from uuid import UUID

from django.conf import settings
from django.core.files.storage import Storage, default_storage, storages


def stored_name(address: str) -> str | None:
    """Return the storage name of an uploaded file by its URL, or None for any other address."""
    base = _base(default_storage)
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
    return settings.MEDIA_URL, _base(default_storage), _base(storages["replays"])


def _base(storage: Storage) -> str:
    return storage.url("x").removesuffix("x")  # S3 has no URL for an empty name
