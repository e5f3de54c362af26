"""Addresses for tests."""

from typing import Any

from accounts.models import User
from orders.models import Address
from orders.services.addresses import create_address

HOME = {
    "recipient": "Noura Al Mansoori",
    "phone": "+971501234599",
    "emirate": "dubai",
    "area": "Dubai Marina",
    "street": "Al Marsa Street",
    "building": "Marina Crown",
    "apartment": "1204",
    "makani": "1234567890",
    "note": "Call from the lobby",
}


def make_address(person: User, **fields: Any) -> Address:
    """Save an address in Dubai Marina."""
    return create_address(actor=person, **(HOME | fields))
