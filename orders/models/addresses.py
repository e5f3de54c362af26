"""The table of addresses for shipping."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

COPIED_FIELDS = (
    "recipient",
    "phone",
    "emirate",
    "area",
    "street",
    "building",
    "apartment",
    "makani",
    "note",
)


class Address(models.Model):
    """Where a person lets things be sent."""

    class Emirate(models.TextChoices):
        ABU_DHABI = "abu_dhabi", _("Abu Dhabi")
        DUBAI = "dubai", _("Dubai")
        SHARJAH = "sharjah", _("Sharjah")
        AJMAN = "ajman", _("Ajman")
        UMM_AL_QUWAIN = "umm_al_quwain", _("Umm Al Quwain")
        RAS_AL_KHAIMAH = "ras_al_khaimah", _("Ras Al Khaimah")
        FUJAIRAH = "fujairah", _("Fujairah")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="addresses")
    recipient = models.CharField(max_length=150)
    phone = models.CharField(max_length=16, help_text="E.164; the carrier calls it")
    emirate = models.CharField(max_length=20, choices=Emirate)
    area = models.CharField(max_length=100)
    street = models.CharField(max_length=200, blank=True)
    building = models.CharField(max_length=200)
    apartment = models.CharField(max_length=50, blank=True)
    makani = models.CharField(
        max_length=10, blank=True, help_text="Ten digits, the number of an entrance in the UAE"
    )
    note = models.CharField(max_length=300, blank=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "addresses"
        constraints = (
            models.UniqueConstraint(
                fields=["person"], condition=Q(is_default=True), name="address_one_default_per_person"
            ),
        )

    def __str__(self) -> str:
        return f"{self.building}, {self.area}"

    def copy(self) -> dict[str, str]:
        """Return what an order keeps of the address."""
        return {name: getattr(self, name) for name in COPIED_FIELDS}
