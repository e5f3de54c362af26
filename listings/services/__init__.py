"""Every write to products."""

from listings.services.products import (
    close_seller,
    create_product,
    delete_product,
    hide_product,
    mark_sold,
    put_back_on_sale,
    reopen_seller,
    restore_product,
    update_product,
)

__all__ = [
    "close_seller",
    "create_product",
    "delete_product",
    "hide_product",
    "mark_sold",
    "put_back_on_sale",
    "reopen_seller",
    "restore_product",
    "update_product",
]
