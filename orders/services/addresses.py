"""Addresses for shipping, and the copies of them that orders hold.

Every change locks its owner's account first, so that two at once never make two defaults or one too many.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts.access import lock_open_account
from accounts.models import User
from orders.access import address_of, addresses_of
from orders.error_codes import OrdersErrorCode
from orders.models import Address, Order
from orders.models.addresses import COPIED_FIELDS
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict


@transaction.atomic
def create_address(*, actor: User, is_default: bool = False, **fields: Any) -> Address:
    """Save an address; a person's first one is their default. Raises Conflict (`too_many_addresses`)."""
    lock_open_account(actor.pk)
    count = addresses_of(actor).count()
    if count >= settings.ADDRESSES_MAX:
        raise Conflict(
            ngettext_lazy(
                "You can have %(limit)d address. Delete one first.",
                "You can have %(limit)d addresses. Delete one first.",
                "limit",
            ),
            params={"limit": settings.ADDRESSES_MAX},
            code=OrdersErrorCode.TOO_MANY_ADDRESSES,
        )
    is_default = is_default or not count
    if is_default:
        _clear_default(actor)
    return Address.objects.create(person=actor, is_default=is_default, created_at=database_now(), **fields)


@transaction.atomic
def change_address(*, actor: User, address_id: UUID, **changes: Any) -> Address:
    """Change fields of an address; orders keep the copy that they have. Raises NotFound."""
    lock_open_account(actor.pk)
    address = address_of(actor, address_id)
    if changes.get("is_default"):
        _clear_default(actor)
    for name, value in changes.items():
        setattr(address, name, value)
    address.save(update_fields=list(changes))
    return address


@transaction.atomic
def delete_address(*, actor: User, address_id: UUID) -> None:
    """Delete an address; of the others the newest becomes the default if it was that. Raises NotFound."""
    lock_open_account(actor.pk)
    address = address_of(actor, address_id)
    address.delete()
    newest = addresses_of(actor).first()
    if address.is_default and newest is not None:
        newest.is_default = True
        newest.save(update_fields=["is_default"])


def address_for_order(*, actor: User, address_id: UUID) -> dict[str, str]:
    """Return the copy of an address that an order keeps, for `Order.shipping_address`.

    The buyer's phone must be confirmed, so that a carrier reaches somebody. Raises NotFound, and Conflict
    (`phone_not_confirmed`).
    """
    address = address_of(actor, address_id)
    if actor.phone_confirmed_at is None:
        raise Conflict(
            _("Confirm your phone number first: carriers deliver only to people whom they can call."),
            code=OrdersErrorCode.PHONE_NOT_CONFIRMED,
        )
    return address.copy()


def erase_addresses(user: User) -> None:
    """Delete a deleted account's addresses, and what its orders' copies say beyond the emirate.

    Called in the transaction that deletes the account, which has no open orders any more.
    """
    Address.objects.filter(person=user).delete()
    orders = Order.objects.filter(buyer=user, shipping_address__isnull=False)
    for emirate in Address.Emirate.values:
        erased = dict.fromkeys(COPIED_FIELDS, "") | {"emirate": emirate}
        orders.filter(shipping_address__emirate=emirate).update(shipping_address=erased)


def _clear_default(person: User) -> None:
    Address.objects.filter(person=person, is_default=True).update(is_default=False)
