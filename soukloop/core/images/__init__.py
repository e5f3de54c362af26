"""Uploaded images: re-encoding without metadata, storing with smaller sizes, thumbnails."""

from soukloop.core.images.pictures import (
    CamelPictureOutput,
    PictureOutput,
    UploadedPictureOutput,
    has_sizes,
    is_picture,
    picture,
    picture_at,
    picture_payload,
)
from soukloop.core.images.storing import (
    ImageUploadInput,
    StoredImage,
    add_sizes,
    delete_image,
    make_thumbnail,
    public_url,
    reencode_uploads,
    store_image,
    store_picture,
)

__all__ = [
    "CamelPictureOutput",
    "ImageUploadInput",
    "PictureOutput",
    "StoredImage",
    "UploadedPictureOutput",
    "add_sizes",
    "delete_image",
    "has_sizes",
    "is_picture",
    "make_thumbnail",
    "picture",
    "picture_at",
    "picture_payload",
    "public_url",
    "reencode_uploads",
    "store_image",
    "store_picture",
]
