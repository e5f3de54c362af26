"""Storing uploaded images of products, and creating thumbnails of them."""

from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile

from accounts.models import User
from listings.models import Product
from soukloop.core import images
from soukloop.core.images import StoredImage
from soukloop.core.uploads import stored_name

FOLDER = "products"


def upload_image(*, actor: User, upload: "UploadedFile[Any]") -> StoredImage:
    """Store an image whose URL can be used in `image_urls`. Raises BadRequest, PayloadTooLarge."""
    return images.store_image(upload, folder=f"{FOLDER}/{actor.pk}")


def uploaded_image_name(product: Product) -> str | None:
    """Return the storage name of the product's first image if its seller uploaded it, else None."""
    if not product.image_urls:
        return None
    name = stored_name(product.image_urls[0])
    return name if name and name.startswith(f"{FOLDER}/{product.seller_id}/") else None


def make_thumbnail(*, product: Product) -> None:
    """Create the thumbnail for lists from the product's first image, if its seller uploaded it."""
    name = uploaded_image_name(product)
    if name is None or product.video_thumbnail_url or not default_storage.exists(name):
        return
    thumbnail = images.make_thumbnail(name, settings.THUMBNAIL_SIDE)
    # Only if the images are still the same: the product may have been edited meanwhile.
    Product.objects.filter(pk=product.pk, image_urls=product.image_urls).update(
        thumbnail_url=default_storage.url(thumbnail)
    )
