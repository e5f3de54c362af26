"""The shapes of invoices, receipts and credit notes."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from payments.models import Document
from soukloop.core.http.fields import IdField
from soukloop.core.http.pagination import PageOutput
from soukloop.core.money import PRICE_DISPLAY, from_fils, price_display


class DocumentsQuery(serializers.Serializer[None]):
    kind = serializers.ChoiceField(choices=Document.Kind.choices, required=False)
    reference = IdField(required=False, help_text="The order")


class LanguageQuery(serializers.Serializer[None]):
    lang = serializers.ChoiceField(
        choices=settings.LANGUAGES, required=False, help_text="Otherwise that of `Accept-Language`"
    )


class DocumentOutput(serializers.Serializer[None]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Document.Kind.choices)
    number = serializers.CharField(help_text="Such as INV-2026-000042")
    reference = serializers.UUIDField(help_text="The order")
    net = serializers.FloatField(help_text="Without VAT; of a receipt, the price")
    vat = serializers.FloatField()
    total = serializers.FloatField()
    total_display = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    issued_at = serializers.DateTimeField()


class DocumentPageOutput(PageOutput):
    items = DocumentOutput(many=True)


def document_body(document: Document) -> dict[str, Any]:
    """Return a `DocumentOutput`."""
    return {
        "id": document.pk,
        "kind": document.kind,
        "number": str(document),
        "reference": document.payment.reference,
        "net": from_fils(document.net),
        "vat": from_fils(document.vat),
        "total": from_fils(document.total),
        "total_display": price_display(from_fils(document.total), document.currency),
        "currency": document.currency,
        "issued_at": document.issued_at,
    }
