"""Uploaded images: re-encoding without metadata, storing, thumbnails."""

from soukloop.core.images.storing import (
    ImageUploadInput,
    StoredImage,
    delete_image,
    make_thumbnail,
    public_url,
    reencode_uploads,
    store_image,
)

__all__ = [
    "ImageUploadInput",
    "StoredImage",
    "delete_image",
    "make_thumbnail",
    "public_url",
    "reencode_uploads",
    "store_image",
]
