"""Socket commands about offers; each calls the same service as its REST view."""

from typing import Any

from rest_framework import serializers

from listings.access import no_longer_visible, product_visible_to
from listings.events import PRODUCT_LEFT
from listings.rooms import PRODUCT_ROOMS, product_room
from offers.events import OFFER_EXAMPLE, OfferStateOutput, closed_example, offer_payload
from offers.serializers import ACCEPTED_MESSAGE, CounterInput, OfferIdInput, OfferInput, ProductIdInput
from offers.services import negotiation
from soukloop.realtime.commands import command
from soukloop.realtime.sessions import Session

_OFFER_ID = OFFER_EXAMPLE["offerId"]
_PRODUCT = {"product_id": OFFER_EXAMPLE["productId"]}


class ProductIdOutput(serializers.Serializer[None]):
    productId = serializers.UUIDField()


@command(
    "offer:create",
    input=OfferInput,
    ack=OfferStateOutput,
    rate_scope="offer_create",
    example={
        "product_id": OFFER_EXAMPLE["productId"],
        "offered_price": 700.00,
        "message": "My final offer",
        "client_offer_id": "phone-17",
    },
    ack_example=OFFER_EXAMPLE,
)
def create(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Make an offer to a product's seller. It replaces your earlier pending offer on the product."""
    offer = negotiation.create_offer(actor=session.user, **data)
    return offer_payload(offer, session.user, offer.sale)


@command(
    "offer:counter",
    input=CounterInput,
    ack=OfferStateOutput,
    rate_scope="offer_create",
    example={"offer_id": _OFFER_ID, "offered_price": 780.00, "message": "780 and it's yours"},
    ack_example=OFFER_EXAMPLE | {"parentId": _OFFER_ID, "offeredPrice": 780.00},
)
def counter(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Answer an offer made to you with another price. The acknowledgement is the new offer."""
    offer = negotiation.counter_offer(actor=session.user, **data)
    return offer_payload(offer, session.user, offer.sale)


@command(
    "offer:accept",
    input=OfferIdInput,
    ack=OfferStateOutput,
    example={"offer_id": _OFFER_ID},
    ack_example=closed_example(
        "accepted",
        "accepted",
        transactionId="9a1c7c1c-2f5e-4f6a-8a8e-3f1f5b0c0d77",
        message=str(ACCEPTED_MESSAGE),
    ),
)
def accept(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Accept an offer made to you: a transaction is created and every other offer is declined."""
    sale = negotiation.accept_offer(actor=session.user, **data)
    return offer_payload(sale.offer, session.user, sale) | {"message": str(ACCEPTED_MESSAGE)}


@command(
    "offer:decline",
    input=OfferIdInput,
    ack=OfferStateOutput,
    example={"offer_id": _OFFER_ID},
    ack_example=closed_example("declined", "declined"),
)
def decline(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Decline an offer made to you."""
    return offer_payload(negotiation.decline_offer(actor=session.user, **data), session.user)


@command(
    "offer:withdraw",
    input=OfferIdInput,
    ack=OfferStateOutput,
    example={"offer_id": _OFFER_ID},
    ack_example=closed_example("withdrawn", "withdrawn"),
)
def withdraw(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Withdraw your own offer."""
    return offer_payload(negotiation.withdraw_offer(actor=session.user, **data), session.user)


@command(
    "product:join",
    input=ProductIdInput,
    ack=ProductIdOutput,
    example=_PRODUCT,
    ack_example={"productId": _PRODUCT["product_id"]},
)
def join_product(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Watch a product: receive the prices offered for it (`offer:feed`) and its sale (`product:sold`)."""
    product = product_visible_to(session.user, data["product_id"])
    session.join(product_room(product.pk))
    try:
        # Again, because nobody in the room was told of a change between the first check and the joining.
        product_visible_to(session.user, product.pk)
    except Exception:
        session.leave(product_room(product.pk))
        raise
    return {"productId": product.pk}


@command(
    "product:leave",
    input=ProductIdInput,
    ack=ProductIdOutput,
    example=_PRODUCT,
    ack_example={"productId": _PRODUCT["product_id"]},
)
def leave_product(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Stop watching a product."""
    session.leave(product_room(data["product_id"]))
    return {"productId": data["product_id"]}


@PRODUCT_ROOMS.heartbeat.register
def remove_disallowed_watchers(members: dict[str, list[Session]]) -> None:
    """Remove the connections whose users may no longer see the product that they watch."""
    watching = [(PRODUCT_ROOMS.row_id(room), session) for room in members for session in members[room]]
    gone = no_longer_visible({(product_id, session.user_id) for product_id, session in watching})
    for product_id, session in watching:
        room = product_room(product_id)
        if (product_id, session.user_id) in gone and room in session.rooms:
            session.leave(room)
            session.emit(PRODUCT_LEFT.name, {"productId": product_id, "reason": "product_not_found"})
