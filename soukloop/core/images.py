"""Uploaded images: checking, re-encoding without metadata, storing, thumbnails."""

import io
import threading
import zipfile
from dataclasses import dataclass
from typing import IO, Any
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from PIL import ExifTags, Image
from rest_framework import serializers

from soukloop.core.errors import BadRequest, PayloadTooLarge, Unavailable

_FORMATS = ("JPEG", "PNG", "WEBP")
_MARKUP = (b"<script", b"<html", b"<!doctype", b"<?php", b"<svg")
# Decoding passes over every pixel once per scan; cameras and editors write about ten.
_JPEG_SCANS_MAX = 50
# At most two at a time, because 40 million pixels take 160 MB to decode.
_decoding = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class StoredImage:
    """The re-encoded image: `name` for the database, `url` for clients."""

    name: str
    url: str
    width: int
    height: int


class ImageUploadInput(serializers.Serializer[None]):
    """One image as `multipart/form-data`: JPEG, PNG or WebP, at most 10 MB."""

    image = serializers.FileField()


def store_image(upload: "UploadedFile[Any]", *, folder: str, max_side: int | None = None) -> StoredImage:
    """Decode, rotate upright, shrink to `max_side` (default IMAGE_MAX_SIDE), re-encode and store an image.

    The result is a JPEG, or a WebP if the image has transparency. Raises BadRequest (image_invalid) unless it
    is a valid JPEG, PNG or WebP, PayloadTooLarge above UPLOAD_MAX_BYTES, Unavailable if it cannot be stored.
    """
    if (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise PayloadTooLarge("The image is too large.")
    data = upload.read(settings.UPLOAD_MAX_BYTES + 1)
    if len(data) > settings.UPLOAD_MAX_BYTES:
        raise PayloadTooLarge("The image is too large.")
    _refuse_polyglots(data)
    encoded, extension, size = _reencode(io.BytesIO(data), max_side or settings.IMAGE_MAX_SIDE)
    name = _save(f"{folder}/{uuid4().hex}.{extension}", encoded)
    return StoredImage(name, default_storage.url(name), *size)


def make_thumbnail(name: str, side: int) -> str:
    """Store a copy of a stored image that fits a square of `side` pixels; return its name.

    The name is derived from the image's, so a second call finds the same copy.
    """
    stem, _, extension = name.rpartition(".")
    thumbnail = f"{stem}_{side}.{extension}"
    if default_storage.exists(thumbnail):
        return thumbnail
    with default_storage.open(name) as stored:
        encoded, _, _ = _reencode(io.BytesIO(stored.read()), side)
    return _save(thumbnail, encoded)


def public_url(name: str) -> str | None:
    """Return the URL of a stored image, or None for an empty name."""
    return default_storage.url(name) if name else None


def delete_image(name: str) -> None:
    """Delete a stored image; a missing one is no error."""
    if name:
        default_storage.delete(name)


def _save(name: str, encoded: bytes) -> str:
    try:
        return default_storage.save(name, ContentFile(encoded))
    except OSError as error:
        raise Unavailable("Images cannot be stored at the moment. Try again.") from error


def _refuse_polyglots(data: bytes) -> None:
    """Refuse files that are an image and something else at the same time, such as HTML or a ZIP archive.

    Re-encoding would drop the other content, but such files are made for attacks. The video that phones
    append to motion photos is accepted.
    """
    lowered = data.lower()
    if any(tag in lowered for tag in _MARKUP) or zipfile.is_zipfile(io.BytesIO(data)):
        raise _invalid("This file contains more than an image.")
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > _JPEG_SCANS_MAX:
        raise _invalid("This JPEG has too many scans.")


def _reencode(source: IO[bytes], side: int) -> tuple[bytes, str, tuple[int, int]]:
    with _decoding:
        try:
            picture = _rotate_upright(_decode(source, side))
            output = io.BytesIO()
            if picture.mode == "RGBA":
                picture.save(output, "WEBP", quality=85)
                return output.getvalue(), "webp", picture.size
            picture.save(output, "JPEG", quality=85, optimize=True)
            return output.getvalue(), "jpg", picture.size
        except BadRequest:
            raise
        # Pillow raises many kinds of errors for malicious files: OSError, SyntaxError, struct.error, …
        except Exception as error:
            raise _invalid("This is not a valid JPEG, PNG or WebP image.") from error


def _decode(source: IO[bytes], side: int) -> Image.Image:
    """Decode the first frame to RGB or RGBA, shrunk to fit a square of `side` pixels."""
    opened = Image.open(source, formats=_FORMATS)  # reads only the header
    if opened.width * opened.height > settings.IMAGE_MAX_PIXELS:
        millions = settings.IMAGE_MAX_PIXELS // 1_000_000
        raise _invalid(f"An image may have at most {millions} million pixels.")
    opened.draft("RGB", (side, side))  # decodes a large JPEG at a fraction of its size
    orientation = _orientation(opened)
    opened.load()
    picture: Image.Image = opened
    if picture.mode.startswith("I"):  # 16-bit greyscale; a direct conversion would clip it to white
        picture = picture.convert("I").point(lambda grey: grey / 256).convert("L")
    decoded = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    decoded.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    # A new image has no EXIF, no ICC profile, no text.
    clean = Image.new(decoded.mode, decoded.size)
    clean.paste(decoded)
    clean.info["orientation"] = orientation
    return clean


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a broken EXIF block does not make the image unusable
        return 1


_TRANSPOSITIONS = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _rotate_upright(picture: Image.Image) -> Image.Image:
    transposition = _TRANSPOSITIONS.get(picture.info.pop("orientation"))
    return picture if transposition is None else picture.transpose(transposition)


def _invalid(message: str) -> BadRequest:
    return BadRequest(message, code="image_invalid", details={"image": [message]})
