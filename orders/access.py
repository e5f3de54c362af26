"""How addresses and orders reach the people whom they concern."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from orders.error_codes import OrdersErrorCode
from orders.models import Address
from soukloop.core.errors import NotFound


def addresses_of(user: User) -> QuerySet[Address]:
    """Return a person's own addresses, the default first, then the newest."""
    return Address.objects.filter(person=user).order_by("-is_default", "-created_at", "-pk")


def address_of(user: User, address_id: UUID) -> Address:
    """Return an address of the user's own; raises NotFound, also for other people's."""
    address = Address.objects.filter(person=user, pk=address_id).first()
    if address is None:
        raise NotFound(_("Address not found."), code=OrdersErrorCode.ADDRESS_NOT_FOUND)
    return address
