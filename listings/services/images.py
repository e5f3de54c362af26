"""Storing uploaded images of products, and creating thumbnails of them."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile

from accounts.models import User
from listings.models import Product
from soukloop.core import images
from soukloop.core.images import StoredImage
from soukloop.core.images.earlier import with_sizes
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


def add_sizes_to_products() -> int:
    """Store products' images of earlier versions again, with smaller sizes; return of how many products.

    The earlier files stay: apps may still show them.
    """
    changed = 0
    rows = Product.objects.exclude(image_urls=[]).values_list("pk", "seller_id", "image_urls")
    for product_id, seller_id, urls in rows.iterator():
        new_urls = [_url_with_sizes(url, seller_id) for url in urls]
        # Unless the product was edited meanwhile.
        unchanged = Product.objects.filter(pk=product_id, image_urls=urls)
        if new_urls != urls and unchanged.update(image_urls=new_urls):
            changed += 1
    return changed


def _url_with_sizes(url: str, seller_id: UUID) -> str:
    name = stored_name(url)
    is_own = name is not None and name.startswith(f"{FOLDER}/{seller_id}/")
    new_name = with_sizes(name) if name and is_own else None
    return default_storage.url(new_name) if new_name else url
