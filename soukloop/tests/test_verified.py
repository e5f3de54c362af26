"""`is_verified` means in every response that the person has confirmed a one-time code."""

import pytest

from accounts.tests.factories import client_for, make_seller, make_user
from chat.tests.factories import make_conversation
from listings.tests.factories import make_product
from livestream.tests.factories import make_stream
from offers.tests.factories import make_offer

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("is_verified", "has_badge"), [(True, False), (False, True)])
def test_is_verified_is_the_same_wherever_a_person_is_shown(is_verified: bool, has_badge: bool) -> None:
    seller = make_seller(is_verified=is_verified, has_verified_badge=has_badge)
    buyer = make_user()
    product = make_product(seller=seller)
    conversation = make_conversation(buyer, seller)
    offer = make_offer(product, buyer=buyer)
    stream = make_stream(seller=seller)

    def get(path: str) -> dict[str, object]:
        data: dict[str, object] = client_for(buyer).get(f"/api/v1{path}").json()["data"]
        return data

    shown = {
        "profile": get(f"/users/{seller.pk}"),
        "product": get(f"/products/{product.pk}")["seller"],
        "conversation": get(f"/conversations/{conversation.pk}")["other_user"],
        "offer": get(f"/offers/{offer.pk}")["other_user"],
        "stream": get(f"/streams/{stream.pk}")["seller"],
    }
    for where, person in shown.items():
        assert isinstance(person, dict)
        assert person.get("is_verified", person.get("isVerified")) is is_verified, where
