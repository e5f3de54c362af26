"""Pictures as clients get them: size, blurhash and smaller versions, all read from the name of the file.

A picture is stored once and never changes, so what is known of it is part of its name:
`<folder>/<random>_a1200x900_<blurhash in base64>.jpg`, beside which are `…_640.webp`, `…_640.jpg` and so on.
Lists and events show it without a query. The letter says which widths were made, so that a later set of
widths can get another one. A picture that was stored before has a name without these; of it, as of a picture
on another server, only the address is known.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.files.storage import default_storage
from django.core.signals import setting_changed
from rest_framework import serializers

from soukloop.core.uploads import stored_name

WIDTHS = (1280, 640, 320)
"""Of the smaller sizes of a picture. To change them, add a letter with the new ones."""
_WIDTHS_BY_LETTER = {"a": WIDTHS}
_LETTER = "a"

_NAME = re.compile(r"(.+_([a-z])([1-9]\d{0,4})x([1-9]\d{0,4})_([\w-]+))\.(jpg|webp)")
_BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{28}")  # of 4 x 3 components


class PictureSizeOutput(serializers.Serializer[Any]):
    width = serializers.IntegerField()
    webp_url = serializers.URLField()
    jpeg_url = serializers.URLField(help_text="With white in place of transparency")


class PictureOutput(serializers.Serializer[Any]):
    """A picture. Of one that was not uploaded here, only the address is known."""

    url = serializers.CharField(help_text="Of the largest version")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    blurhash = serializers.CharField(allow_null=True, help_text="A few colours to show until it is loaded")
    sizes = PictureSizeOutput(
        many=True, help_text=f"Up to {len(WIDTHS)}, the smallest first, none wider than the picture"
    )


class UploadedPictureOutput(PictureOutput):
    """A picture that was uploaded here."""

    width = serializers.IntegerField()
    height = serializers.IntegerField()


class CamelPictureSizeOutput(serializers.Serializer[Any]):
    width = serializers.IntegerField()
    webpUrl = serializers.URLField()
    jpegUrl = serializers.URLField(help_text="With white in place of transparency")


class CamelPictureOutput(PictureOutput):
    """A picture in responses and events whose field names are camelCase."""

    sizes = CamelPictureSizeOutput(  # type: ignore[assignment]
        many=True, help_text=f"Up to {len(WIDTHS)}, the smallest first, none wider than the picture"
    )


class _Described(NamedTuple):
    """What a picture's name says: `stem` is the name without its extension."""

    stem: str
    extension: str
    width: int
    height: int
    blurhash: str
    widths: tuple[int, ...]

    def size_name(self, width: int, extension: str) -> str:
        if width == self.width and extension == self.extension:
            return f"{self.stem}.{extension}"  # the picture itself
        return f"{self.stem}_{width}.{extension}"


def described_stem(stem: str, *, width: int, height: int, blurhash: str) -> str:
    """Return the stem of the name of a picture that is stored with its smaller sizes."""
    encoded = base64.urlsafe_b64encode(blurhash.encode()).decode().rstrip("=")
    return f"{stem}_{_LETTER}{width}x{height}_{encoded}"


def has_sizes(name: str) -> bool:
    """Return whether a stored picture has smaller sizes, by its name."""
    return _described(name) is not None


def is_picture(name: str) -> bool:
    """Return whether a stored file is a picture as it was uploaded: no smaller size of one, no video."""
    stem, _, extension = name.rpartition(".")
    whole, _, width = stem.rpartition("_")
    is_size = width.isdecimal() and _described(f"{whole}.{extension}") is not None
    return extension in ("jpg", "webp") and not is_size


def size_names(name: str) -> list[str]:
    """Return the names of the files of a picture's smaller sizes."""
    picture = _described(name)
    if picture is None:
        return []
    names = {picture.size_name(width, kind) for width in picture.widths for kind in ("webp", "jpg")}
    return sorted(names - {name})


def picture(name: str) -> dict[str, Any] | None:
    """Return a stored picture as `PictureOutput`, or None for an empty name. Don't change the result."""
    return _picture(name) if name else None


def picture_at(url: str) -> dict[str, Any] | None:
    """Return the picture at an address as `PictureOutput`, or None for an empty one. Don't change it."""
    if not url:
        return None
    name = stored_name(url)
    if name is None:
        return {"url": url, "width": None, "height": None, "blurhash": None, "sizes": []}
    return _picture(name)


def picture_payload(shown: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a `PictureOutput` as `CamelPictureOutput`."""
    return shown and shown | {
        "sizes": [
            {"width": size["width"], "webpUrl": size["webp_url"], "jpegUrl": size["jpeg_url"]}
            for size in shown["sizes"]
        ]
    }


@lru_cache(maxsize=4096)  # lists show the same pictures over and over; one takes about 3 KB
def _picture(name: str) -> dict[str, Any]:
    found = _described(name)
    url = default_storage.url(name)
    if found is None:
        return {"url": url, "width": None, "height": None, "blurhash": None, "sizes": []}
    sizes = [
        {
            "width": width,
            "webp_url": default_storage.url(found.size_name(width, "webp")),
            "jpeg_url": default_storage.url(found.size_name(width, "jpg")),
        }
        for width in found.widths
    ]
    return {
        "url": url,
        "width": found.width,
        "height": found.height,
        "blurhash": found.blurhash,
        "sizes": sizes,
    }


def _described(name: str) -> _Described | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    stem, letter, width, height, encoded, extension = match.groups()
    widths = _WIDTHS_BY_LETTER.get(letter)
    try:
        blurhash = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    # An address in `image_urls` may have been made up, and apps crash on an invalid blurhash.
    if widths is None or not _BLURHASH.fullmatch(blurhash) or blurhash[0] not in "LT":
        return None
    made = tuple(sorted({min(each, int(width)) for each in widths}))
    return _Described(stem, extension, int(width), int(height), blurhash, made)


def _clear(*, setting: str, **_: Any) -> None:
    if setting in ("STORAGES", "MEDIA_URL"):
        _picture.cache_clear()


setting_changed.connect(_clear)
