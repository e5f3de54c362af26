"""Who may do what: each route and method, for a visitor, a stranger, the buyer and the seller."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import client_for, make_seller, make_user
from chat.services import open_conversation
from listings.tests.factories import make_product
from livestream.models import ChatMessage
from livestream.tests.factories import make_stream
from offers.tests.factories import make_offer, make_sale
from soukloop.tests.permission_table import TABLE
from soukloop.tests.routes import api_routes

pytestmark = pytest.mark.django_db

# What says enough that only the permission decides; everything else gets an empty object.
BODIES = {
    "counter": '{"offered_price": 800}',
    "me": '{"bio": "Sneakers"}',
    "settings": '{"audience": "followers"}',
    "chat": '{"slow_mode_seconds": 0}',
    "messages": '{"content": "Salam"}',
    "tag": '{"x": 0.5, "y": 0.5, "timestamp_seconds": 1}',
    "go-live": '{"camera_ready": true, "checklist_complete": true}',
}
ROLES = ("visitor", "stranger", "buyer", "seller")


@dataclass
class World:
    """A seller with a product, a scheduled stream and a sale; a buyer who talks and offers; a stranger."""

    people: dict[str, User | None]
    ids: dict[str, Any]

    def path(self, template: str) -> str:
        ids = dict(self.ids)
        if template.startswith("/api/v1/users/"):
            ids["user_id"] = self.ids["other_user_id"]
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(ids[match[1]]), template)

    def status(self, role: str, method: str, path: str) -> int:
        person = self.people[role]
        client = client_for(person) if person else APIClient()
        body = BODIES.get(path.rsplit("/", 1)[-1], "{}")
        response = client.generic(method, path, body, content_type="application/json")
        return int(response.status_code)


@pytest.fixture
def world() -> World:
    seller, buyer, stranger, other = make_seller(), make_user(), make_user(), make_user()
    product = make_product(seller=seller)
    conversation, _ = open_conversation(actor=buyer, other_user_id=seller.pk, product_id=product.pk)
    offer = make_offer(product, buyer=buyer)
    sale = make_sale(make_product(seller=seller), buyer=buyer)
    stream = make_stream(seller=seller, products=[product])
    message = ChatMessage.objects.create(
        stream=stream, user=buyer, seq=1, message="Salam", created_at=timezone.now()
    )
    return World(
        people={"visitor": None, "stranger": stranger, "buyer": buyer, "seller": seller},
        ids={
            "other_user_id": other.pk,
            "user_id": buyer.pk,
            "product_id": product.pk,
            "conversation_id": conversation.pk,
            "offer_id": offer.pk,
            "transaction_id": sale.pk,
            "stream_id": stream.pk,
            "message_id": message.pk,
            "slug": "sneakers",
        },
    )


def endpoints() -> set[str]:
    return {f"{method} {route.template}" for route in api_routes() for method in route.methods}


def test_the_table_names_each_route_and_method_and_no_other() -> None:
    assert endpoints() - set(TABLE) == set()
    assert set(TABLE) - endpoints() == set()


@pytest.mark.parametrize("endpoint", sorted(TABLE))
def test_each_role_gets_what_the_table_says(world: World, endpoint: str) -> None:
    method, template = endpoint.split()
    answers = []
    for role in ROLES:
        with transaction.atomic():
            answers.append(world.status(role, method, world.path(template)))
            transaction.set_rollback(True)
    assert tuple(answers) == TABLE[endpoint]
