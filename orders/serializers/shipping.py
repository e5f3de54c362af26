"""Inputs and outputs of parcels."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from orders.carriers import CHOICES, NUMBER_LENGTH_MAX
from soukloop.core.http.fields import PlainTextField


class ShipmentInput(serializers.Serializer[None]):
    carrier = serializers.ChoiceField(choices=CHOICES)
    tracking_number = PlainTextField(
        max_length=NUMBER_LENGTH_MAX, help_text="As the carrier writes it, with or without spaces"
    )


class ShippingCarrierOutput(serializers.Serializer[None]):
    name = serializers.ChoiceField(choices=CHOICES)
    label = serializers.CharField(help_text="In the language of the answer")  # type: ignore[assignment]


@extend_schema_serializer(many=False)
class CarrierListOutput(serializers.Serializer[None]):
    items = ShippingCarrierOutput(many=True)
