"""Inputs and outputs of addresses, and who sees the copy that an order holds."""

import re
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts.models import User
from accounts.serializers.fields import PhoneField
from orders.models import Address, Order
from soukloop.core.http.fields import PlainTextField
from soukloop.core.typed_text import normalize_code

_MAKANI = re.compile("[0-9]{10}", re.ASCII)
_S = Order.State
# While the seller has to send the parcel, or to explain what became of it.
_SHOWN_TO_SELLER = frozenset({_S.PAID, _S.SHIPPED, _S.DELIVERED, _S.DISPUTED})


class RequiredPhoneField(PhoneField):
    """A phone number in any spelling, normalized to E.164; null and an empty string are refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_null = self.allow_blank = False


@extend_schema_field({"type": "string", "description": "Ten digits; empty if there is none"})
class MakaniField(serializers.CharField):
    """The number of a building's entrance in the UAE, in digits of any script, with or without spaces."""

    default_error_messages = {"not_makani": _("A Makani number has ten digits, such as 12345 67890.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, allow_blank=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        number = normalize_code(super().to_internal_value(data))
        if number and not _MAKANI.fullmatch(number):
            self.fail("not_makani")
        return number


class AddressInput(serializers.Serializer[None]):
    recipient = PlainTextField(max_length=150, help_text="Who opens the door")
    phone = RequiredPhoneField(help_text="The carrier calls it")
    emirate = serializers.ChoiceField(choices=Address.Emirate.choices)
    area = PlainTextField(max_length=100, help_text="Such as Dubai Marina")
    street = PlainTextField(max_length=200, required=False, allow_blank=True)
    building = PlainTextField(max_length=200, help_text="Its name or number, or that of the villa")
    apartment = PlainTextField(max_length=50, required=False, allow_blank=True)
    makani = MakaniField(required=False, help_text="Ten digits, on a plate at the entrance")
    note = PlainTextField(has_lines=True, max_length=300, required=False, allow_blank=True)
    is_default = serializers.BooleanField(required=False, help_text="Your other default is one no more")


class AddressChangesInput(AddressInput):
    """The fields of an address that change."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class ShippingAddressOutput(serializers.Serializer[None]):
    """An address as an order holds it: as it was when the order was made."""

    recipient = serializers.CharField()
    phone = serializers.CharField(help_text="E.164")
    emirate = serializers.ChoiceField(choices=Address.Emirate.choices)
    area = serializers.CharField()
    street = serializers.CharField()
    building = serializers.CharField()
    apartment = serializers.CharField()
    makani = serializers.CharField()
    note = serializers.CharField()
    text = serializers.CharField(help_text="For a label: one line for each part, in the answer's language")


class AddressOutput(ShippingAddressOutput):
    """An address of your own."""

    id = serializers.UUIDField()
    is_default = serializers.BooleanField()
    created_at = serializers.DateTimeField()


@extend_schema_serializer(many=False)
class AddressListOutput(serializers.Serializer[None]):
    items = AddressOutput(many=True)


def address_body(address: Address) -> dict[str, Any]:
    """Return an AddressOutput."""
    return {
        "id": address.pk,
        **_with_text(address.copy()),
        "is_default": address.is_default,
        "created_at": address.created_at,
    }


def shipping_address_body(order: Order, viewer: User) -> dict[str, Any] | None:
    """Return an order's ShippingAddressOutput, or None for somebody who may not see it.

    Its buyer always may; the seller only while a paid order is to be sent to it or disputed.
    """
    if order.shipping_address is None:
        return None
    is_seller_allowed = viewer.pk == order.seller_id and order.state in _SHOWN_TO_SELLER
    if viewer.pk != order.buyer_id and not is_seller_allowed:
        return None
    return _with_text(order.shipping_address)


def _with_text(copied: dict[str, Any]) -> dict[str, Any]:
    emirate = str(Address.Emirate(copied["emirate"]).label)
    makani = gettext("Makani %(number)s") % {"number": copied["makani"]} if copied["makani"] else ""
    house = ", ".join(filter(None, (copied["apartment"], copied["building"])))
    lines = (copied["recipient"], house, copied["street"], copied["area"], emirate, makani, copied["phone"])
    return copied | {"text": "\n".join(filter(None, lines))}
