"""The requests that are measured, and the people, products and conversations in the database."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

from bench.load import http_request

PEOPLE = 20
CONVERSATIONS = 41  # of each of them: three pages of them
PRODUCTS = int(os.environ.get("API_PRODUCTS", "12000"))  # each takes one offer, in all rounds together


@dataclass(frozen=True)
class Scenario:
    """Different requests in turn; each server that is measured takes the next ones."""

    name: str
    requests: Iterator[bytes]
    is_read: bool


def scenarios() -> list[Scenario]:
    """Fill the database that Django is connected to, and return the scenarios."""
    from accounts.tests.factories import make_seller, make_user  # noqa: PLC0415 - Django must be set up first
    from accounts.tokens import access_token_for  # noqa: PLC0415
    from chat.tests.factories import make_conversation, make_message  # noqa: PLC0415
    from listings.models import Product  # noqa: PLC0415
    from listings.tests.factories import DUBAI_MARINA, make_product  # noqa: PLC0415

    buyers = [make_user(location=DUBAI_MARINA, bio="Sneakers, mostly size 42.") for _ in range(PEOPLE)]
    sellers = [make_seller() for _ in range(PEOPLE)]
    authorizations = [f"Bearer {access_token_for(buyer)}" for buyer in buyers]
    talked_about = [make_product(seller=sellers[number % PEOPLE]) for number in range(CONVERSATIONS)]
    conversations = []
    for buyer in buyers:
        of_buyer = [make_conversation(buyer=buyer, product=product) for product in talked_about]
        for conversation in of_buyer:
            make_message(conversation, content="Hi! Is this item still available?")
        conversations.append(of_buyer)
    model = talked_about[0]
    unpriced = [field.name for field in Product._meta.concrete_fields if not field.primary_key]
    copy = {name: getattr(model, name) for name in unpriced}
    for_offers = Product.objects.bulk_create(
        [Product(**copy | {"seller": sellers[number % PEOPLE]}) for number in range(PRODUCTS)],
        batch_size=1000,
    )
    pairs = list(itertools.product(range(PEOPLE), range(CONVERSATIONS)))

    def messages() -> Iterator[bytes]:
        for person, place in itertools.cycle(sorted(pairs, key=lambda pair: pair[1])):
            yield http_request(
                "POST",
                f"/api/v1/conversations/{conversations[person][place].pk}/messages",
                authorization=authorizations[person],
                body={"message_type": "text", "content": "I can pick it up in Dubai Marina today. 🔥"},
            )

    def offers() -> Iterator[bytes]:
        for number, product in enumerate(for_offers):
            yield http_request(
                "POST",
                "/api/v1/offers",
                authorization=authorizations[number % PEOPLE],
                body={
                    "product_id": str(product.pk),
                    "offered_price": 750.00,
                    "message": "Would you accept 750 AED? I can pick up today.",
                },
            )
        raise RuntimeError("Every product has its offer: set API_PRODUCTS to more.")

    def reads(paths: list[str]) -> Iterator[bytes]:
        # Different people and different rows in turn.
        both = zip(itertools.cycle(authorizations), itertools.cycle(paths), strict=False)
        ready = [
            http_request("GET", path, authorization=authorization)
            for authorization, path in itertools.islice(both, PEOPLE * CONVERSATIONS)
        ]
        return itertools.cycle(ready)

    pages = [f"/api/v1/products/{product.pk}" for product in talked_about]
    return [
        Scenario("GET auth/me", reads(["/api/v1/auth/me"]), True),
        Scenario("GET a product", reads(pages), True),
        Scenario("GET conversations", reads(["/api/v1/conversations"]), True),
        Scenario("POST a message", messages(), False),
        Scenario("POST an offer", offers(), False),
    ]
