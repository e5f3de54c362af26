"""Adding and removing a user's favourite products."""

from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.models import User
from listings.access import product_visible_to
from listings.models import Favorite, Product


@transaction.atomic
def add_favorite(*, actor: User, product_id: UUID) -> Product:
    """Add a product to the user's favourites; adding it again changes nothing. Raises NotFound."""
    product = product_visible_to(actor, product_id)
    _, is_new = Favorite.objects.get_or_create(user=actor, product=product)
    return _change_favorite_count(product, 1 if is_new else 0)


@transaction.atomic
def remove_favorite(*, actor: User, product_id: UUID) -> Product:
    """Remove a product from the user's favourites, even if it is no longer visible.

    Raises NotFound for a product that is neither a favourite nor visible.
    """
    favorite = Favorite.objects.filter(user=actor, product_id=product_id)
    deleted, _ = favorite.delete()
    if not deleted:
        return product_visible_to(actor, product_id)
    return _change_favorite_count(Product.objects.get(pk=product_id), -1)


def _change_favorite_count(product: Product, change: int) -> Product:
    if change:
        Product.objects.filter(pk=product.pk).update(favorite_count=F("favorite_count") + change)
        product.refresh_from_db(fields=["favorite_count"])
    return product
