"""Carriers that sellers send parcels with: their names, numbers, pages for tracking, and what they tell us.

To add one, add it to `CARRIERS`. What a carrier tells is asked through one service for all of them, because
each has an interface of its own, for its business customers.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from soukloop.core.errors import Text
from soukloop.core.typed_text import normalize_code

logger = logging.getLogger(__name__)
NUMBER_LENGTH_MAX = 60
OTHER = "other"


@dataclass(frozen=True)
class Carrier:
    """A carrier; `tracking_page` has `{number}` where its page takes the number in the address."""

    name: str
    label: Text
    number: re.Pattern[str]
    tracking_page: str = ""

    def tracking_url(self, number: str) -> str | None:
        """Return the page on which a parcel can be followed, or None if none is known."""
        return self.tracking_page.format(number=quote(number, safe="")) or None


# Post offices number parcels by standard S10 of the Universal Postal Union: EE123456789AE.
_POSTAL = re.compile(r"[A-Z]{2}[0-9]{9}[A-Z]{2}", re.ASCII)
_ANY = re.compile(r"[A-Z0-9]{4,40}", re.ASCII)

CARRIERS: Mapping[str, Carrier] = {
    carrier.name: carrier
    for carrier in (
        Carrier(
            "aramex",
            _("Aramex"),
            re.compile("[0-9]{8,12}", re.ASCII),
            "https://www.aramex.com/track/results?ShipmentNumber={number}",
        ),
        # Its page takes no number in the address.
        Carrier(
            "emirates_post",
            _("Emirates Post"),
            _POSTAL,
            "https://www.emiratespost.ae/all-services/track-a-package",
        ),
        Carrier(
            "dhl",
            _("DHL"),
            re.compile("[A-Z0-9]{10,20}", re.ASCII),
            "https://www.dhl.com/ae-en/home/tracking.html?tracking-id={number}",
        ),
        Carrier(
            "fedex",
            _("FedEx"),
            re.compile("[0-9]{12}|[0-9]{15}|[0-9]{20}|[0-9]{22}", re.ASCII),
            "https://www.fedex.com/fedextrack/?trknbr={number}",
        ),
        Carrier(
            "ups",
            _("UPS"),
            re.compile("1Z[A-Z0-9]{16}", re.ASCII),
            "https://www.ups.com/track?tracknum={number}",
        ),
        Carrier(OTHER, _("Another carrier"), _ANY),
    )
}
CHOICES = [(carrier.name, carrier.name) for carrier in CARRIERS.values()]


def normalize_number(text: str) -> str:
    """Return a tracking number without spaces and dashes, in capital letters and ASCII digits."""
    return normalize_code(text).upper()


def is_number_of(carrier: str, number: str) -> bool:
    """Return whether a normalized number can be one of this carrier's."""
    return CARRIERS[carrier].number.fullmatch(number) is not None


def fetch_is_delivered(carrier: str, number: str) -> bool:
    """Ask whether a parcel was delivered: `GET CARRIER_STATUS_URL?carrier=…&number=…`.

    The answer is JSON with `status`, of which only `delivered` matters to us. False if it isn't known: no
    service is configured, the carrier isn't one of ours, or the service fails.
    """
    if not settings.CARRIER_STATUS_URL or carrier == OTHER:
        return False
    headers = {"Authorization": f"Bearer {key}"} if (key := settings.CARRIER_STATUS_KEY) else {}
    try:
        answer = httpx.get(
            settings.CARRIER_STATUS_URL,
            params={"carrier": carrier, "number": number},
            headers=headers,
            timeout=settings.CARRIER_STATUS_TIMEOUT.total_seconds(),
        )
        answer.raise_for_status()
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        logger.warning("the status of a parcel of %s could not be read: %s", carrier, type(error).__name__)
        return False
    return isinstance(told, dict) and told.get("status") == "delivered"


def tracking_url(carrier: str, number: str) -> str | None:
    """Return the page on which a parcel can be followed; None before it was sent, and if none is known."""
    known = CARRIERS.get(carrier)
    return known.tracking_url(number) if known else None
