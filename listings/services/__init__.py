"""Every write to products, favourites, images, view counts and search words."""

from listings.services.availability import mark_sold, put_back_on_sale, release_reservation, reserve
from listings.services.products import (
    create_product,
    delete_product,
    hide_product,
    mark_seller_closed,
    mark_seller_open,
    restore_product,
    update_product,
)

__all__ = [
    "create_product",
    "delete_product",
    "hide_product",
    "mark_seller_closed",
    "mark_seller_open",
    "mark_sold",
    "put_back_on_sale",
    "release_reservation",
    "reserve",
    "restore_product",
    "update_product",
]
