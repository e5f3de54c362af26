"""Tables of invoices, receipts and credit notes, numbered without gaps."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q


class DocumentSeries(models.Model):
    """The last number of a series of documents; its row is locked to take the next one."""

    name = models.CharField(max_length=20, primary_key=True, help_text="Kind and year, such as INV-2026")
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "document series"

    def __str__(self) -> str:
        return self.name


class Document(models.Model):
    """A tax invoice, receipt or credit note, with everything that is printed on it."""

    class Kind(models.TextChoices):
        FEE_INVOICE = "fee_invoice"  # of our fee, for the seller
        RECEIPT = "receipt"  # of the price, for the buyer
        CREDIT_NOTE = "credit_note"  # of our fee that was given back, for the seller

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    series = models.ForeignKey(DocumentSeries, models.PROTECT, related_name="documents", db_index=False)
    number = models.PositiveIntegerField()
    key = models.CharField(
        max_length=80, unique=True, help_text="What it is about, so that it is issued once"
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="documents")
    payment = models.ForeignKey("payments.Payment", models.PROTECT, related_name="documents")
    entry = models.OneToOneField(
        "payments.Entry",
        models.PROTECT,
        null=True,
        related_name="document",
        help_text="Of an invoice or credit note",
    )
    net = models.BigIntegerField(help_text="In fils")
    vat = models.BigIntegerField(help_text="In fils")
    total = models.BigIntegerField(help_text="In fils")
    currency = models.CharField(max_length=3, default=settings.CURRENCY)
    content = models.JSONField(
        help_text="Names, addresses and lines in both languages, as they were when it was issued"
    )
    issued_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["series", "number"], name="document_number_once"),
            models.CheckConstraint(
                condition=Q(total=models.F("net") + models.F("vat")), name="document_total_is_net_and_vat"
            ),
        )

    def __str__(self) -> str:
        return f"{self.series_id}-{self.number:06d}"
