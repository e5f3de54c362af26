"""Storing uploaded images, re-encoded by a process of their own, and thumbnails of them."""

import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from soukloop.core.db.release import release_connection
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import BadRequest, Busy, PayloadTooLarge, Text, Unavailable
from soukloop.core.images.pictures import WIDTHS, described_stem, size_names

logger = logging.getLogger(__name__)

_DECODER = Path(__file__).with_name("decoder.py")
_STORING_THREADS = 4  # of one picture: a bucket takes 20 to 50 ms for each of its files
_DECODER_TIMEOUT = 60.0  # seconds; its own limit of processor time usually ends it sooner
_WAIT_MAX = 20.0  # seconds for the decoder to become free
# One at a time, because a large picture takes 350 MB to decode.
_decoder_is_free = threading.BoundedSemaphore(1)


@dataclass(frozen=True)
class StoredImage:
    """The re-encoded image: `name` for the database, `url` for clients."""

    name: str
    url: str
    width: int
    height: int


class ImageUploadInput(serializers.Serializer[None]):
    """One image as `multipart/form-data`: JPEG, PNG, WebP or HEIC, at most 10 MB."""

    image = serializers.FileField()


@dataclass(frozen=True)
class EncodedImage:
    """A re-encoded image that is not stored yet; `files` are by suffix, the image itself first."""

    files: dict[str, bytes]
    width: int
    height: int
    blurhash: str

    @property
    def extension(self) -> str:
        return next(iter(self.files)).removeprefix(".")

    @property
    def data(self) -> bytes:
        return next(iter(self.files.values()))


def store_image(upload: "UploadedFile[Any]", *, folder: str, max_side: int | None = None) -> StoredImage:
    """Re-encode an image, upright, in sRGB and fitting `max_side` (default IMAGE_MAX_SIDE), and store it.

    The result is a JPEG, or a WebP if the image has transparency, and smaller sizes of it. These are made at
    once: a job would decode the image again, which takes longer than they do. Raises BadRequest
    (image_invalid) unless it is a valid JPEG, PNG, WebP or HEIC, PayloadTooLarge above UPLOAD_MAX_BYTES, Busy
    if too many images are waiting, Unavailable if it cannot be stored.
    """
    image = getattr(upload, "reencoded", None) or reencode_upload(upload, max_side)
    name = _save_with_sizes(f"{folder}/{uuid4().hex}", image)
    return StoredImage(name, default_storage.url(name), image.width, image.height)


def store_picture(data: bytes, *, folder: str) -> StoredImage:
    """Store a picture that we made, with smaller sizes, as `store_image` stores those of people."""
    image = _reencode(data, settings.IMAGE_MAX_SIDE, WIDTHS)
    name = _save_with_sizes(f"{folder}/{uuid4().hex}", image)
    return StoredImage(name, default_storage.url(name), image.width, image.height)


def reencode_uploads(request: Request) -> None:
    """Re-encode a request's images before a transaction begins, for `store_image` to store within it."""
    for upload in request.FILES.values():
        upload.reencoded = reencode_upload(upload)


def reencode_upload(upload: "UploadedFile[Any]", max_side: int | None = None) -> EncodedImage:
    """Return the image as `store_image` stores it; raises as it does."""
    if (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise PayloadTooLarge(_("The image is too large."))
    data = upload.read(settings.UPLOAD_MAX_BYTES + 1)
    if len(data) > settings.UPLOAD_MAX_BYTES:
        raise PayloadTooLarge(_("The image is too large."))
    release_connection()
    return _reencode(data, max_side or settings.IMAGE_MAX_SIDE, WIDTHS)


def add_sizes(name: str) -> str:
    """Store an image of an earlier version again, with smaller sizes; return its new name.

    Raises FileNotFoundError, BadRequest, Unavailable.
    """
    with default_storage.open(name) as stored:
        data = stored.read()
    release_connection()
    image = _reencode(data, settings.IMAGE_MAX_SIDE, WIDTHS)
    if name.endswith(f".{image.extension}"):  # encoded again, it would lose more
        image = replace(image, files=image.files | {f".{image.extension}": data})
    return _save_with_sizes(f"{name.rpartition('/')[0]}/{uuid4().hex}", image)


def make_thumbnail(name: str, side: int) -> str:
    """Store a copy of a stored image that fits a square of `side` pixels; return its name.

    The name is derived from the image's, so a second call finds the same copy.
    """
    stem, _, extension = name.rpartition(".")
    thumbnail = f"{stem}_{side}.{extension}"
    if default_storage.exists(thumbnail):
        return thumbnail
    with default_storage.open(name) as stored:
        data = stored.read()
    release_connection()
    return _save(thumbnail, _reencode(data, side, ()).data)


def public_url(name: str) -> str | None:
    """Return the URL of a stored image, or None for an empty name."""
    return default_storage.url(name) if name else None


def delete_image(name: str) -> None:
    """Delete a stored image and its smaller sizes; a missing one is no error."""
    for each in (name, *size_names(name)) if name else ():
        default_storage.delete(each)


def _save_with_sizes(stem: str, image: EncodedImage) -> str:
    """Store the files of an image; the image itself last, so that none is there without its sizes."""
    stem = described_stem(stem, width=image.width, height=image.height, blurhash=image.blurhash)
    name, *sizes = [f"{stem}{suffix}" for suffix in image.files]
    contents = dict(zip([name, *sizes], image.files.values(), strict=True))
    release_connection()
    with ThreadPoolExecutor(_STORING_THREADS) as threads:
        for _ in threads.map(lambda each: _save(each, contents[each]), sizes):
            pass
    return _save(name, contents[name])


def _save(name: str, encoded: bytes) -> str:
    release_connection()  # a bucket may be slow
    try:
        return default_storage.save(name, ContentFile(encoded))
    except OSError as error:
        raise Unavailable(_("Images cannot be stored at the moment. Try again.")) from error


def _reencode(data: bytes, side: int, widths: tuple[int, ...]) -> EncodedImage:
    limits = {
        "side": side,
        "widths": widths,
        "pixels_max": settings.IMAGE_MAX_PIXELS,
        "webp_pixels_max": settings.IMAGE_MAX_PIXELS_WEBP,
    }
    if not _decoder_is_free.acquire(timeout=_WAIT_MAX):
        raise Busy
    try:
        result = subprocess.run(
            [sys.executable, "-I", str(_DECODER), json.dumps(limits)],
            input=data,
            capture_output=True,
            timeout=_DECODER_TIMEOUT,
            check=False,
            env={"MALLOC_ARENA_MAX": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise _invalid(_("This image takes too long to decode.")) from error
    finally:
        _decoder_is_free.release()
    if result.returncode != 0:
        logger.warning("image decoder ended with %s: %s", result.returncode, result.stderr[-500:])
        raise _invalid(_("This image cannot be decoded."))
    header, _newline, contents = result.stdout.partition(b"\n")
    answer = json.loads(header)
    if "error" in answer:
        raise _invalid(gettext(answer["error"]) % answer["params"])
    files, begin = {}, 0
    for suffix, length in answer["files"]:
        files[suffix] = contents[begin : begin + length]
        begin += length
    return EncodedImage(files, answer["width"], answer["height"], answer["blurhash"])


def _invalid(message: Text) -> BadRequest:
    return BadRequest(message, code=CoreErrorCode.IMAGE_INVALID, details={"image": [message]})
