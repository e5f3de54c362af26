"""What two people do with an offer: make, accept, decline, counter and withdraw it."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from chat.models import Conversation
from chat.services import open_conversation
from listings.models import Product
from offers import access, events, rules
from offers.models import Offer, Transaction
from offers.services import records
from offers.services.sales import conclude_sale
from offers.states import Act, target_of

Reason = Offer.CloseReason


def create_offer(
    *,
    actor: User,
    product_id: UUID,
    offered_price: Decimal,
    message: str = "",
    currency: str | None = None,
    client_offer_id: str = "",
) -> Offer:
    """Offer a price to a product's seller; an earlier open offer of the same buyer gives way to it.

    The seller's own rules may decline or accept it at once. The same `client_offer_id` again gives the same
    offer. Raises NotFound, Forbidden (`own_product`), Conflict (`product_not_available`, `offers_disabled`)
    and ValidationFailed.
    """
    now = timezone.now()
    with transaction.atomic():
        seller = access.product_to_bid_on(actor, product_id).seller
        product = access.lock_product(product_id)
        product.seller = seller
        if client_offer_id and (earlier := access.offer_sent_before(actor, product, client_offer_id)):
            return earlier
        rules.require_offers_wanted(product, actor)
        rules.require_fair_price(product, offered_price, currency)
        conversation, _ = open_conversation(
            actor=actor, other_user_id=product.seller_id, product_id=product.pk
        )
        parent = _make_way(product, actor, now)
        return _place(
            product=product,
            conversation=conversation,
            made_by=actor,
            price=offered_price,
            message=message,
            now=now,
            parent=parent,
            client_offer_id=client_offer_id,
        )


def counter_offer(
    *,
    actor: User,
    offer_id: UUID,
    offered_price: Decimal,
    message: str = "",
    currency: str | None = None,
    client_offer_id: str = "",
) -> Offer:
    """Close an offer and make one in the other direction; return the new one.

    Raises NotFound, Forbidden, Conflict for one that is closed (`offer_…`) and what `create_offer` raises.
    """
    now = timezone.now()
    with transaction.atomic():
        offer = access.lock_offer_of(actor, offer_id)
        product = offer.product
        if client_offer_id and (earlier := access.offer_sent_before(actor, product, client_offer_id)):
            return earlier
        target = target_of(Act.COUNTER, offer, actor, now)
        rules.require_on_sale(product)
        rules.require_counterpart(offer.made_by)
        if actor.pk == offer.buyer_id:
            rules.require_offers_wanted(product, actor)
        rules.require_fair_price(product, offered_price, currency)
        records.close_offers([offer], status=target, reason=Reason.COUNTERED, actor=actor, now=now)
        return _place(
            product=product,
            conversation=offer.conversation,
            made_by=actor,
            price=offered_price,
            message=message,
            now=now,
            parent=offer,
            client_offer_id=client_offer_id,
        )


def accept_offer(*, actor: User, offer_id: UUID) -> Transaction:
    """Accept an offer made to oneself: the product is sold, and every other offer on it declined.

    Raises NotFound, Forbidden, and Conflict for an offer that is closed (`offer_…`) or can't be kept any more
    (`product_not_available`, `price_lowered`, `party_unavailable`).
    """
    now = timezone.now()
    with transaction.atomic():
        offer = access.lock_offer_of(actor, offer_id)
        target_of(Act.ACCEPT, offer, actor, now)
        return conclude_sale(offer, actor=actor, now=now)


def decline_offer(*, actor: User, offer_id: UUID) -> Offer:
    """Decline an offer made to oneself; raises NotFound, Forbidden, Conflict (`offer_…`)."""
    now = timezone.now()
    with transaction.atomic():
        offer = access.lock_offer_of(actor, offer_id)
        target = target_of(Act.DECLINE, offer, actor, now)
        records.close_offers([offer], status=target, reason=Reason.DECLINED, actor=actor, now=now)
        records.say(offer, actor, f"Offer declined: {records.amount(offer)}")
        records.tell(
            offer,
            [offer.made_by],
            kind="offer_declined",
            title=f"Your offer of {records.amount(offer)} was declined",
            actor=actor,
        )
        return offer


def withdraw_offer(*, actor: User, offer_id: UUID) -> Offer:
    """Take one's own offer back; raises NotFound, Forbidden, Conflict (`offer_…`)."""
    now = timezone.now()
    with transaction.atomic():
        offer = access.lock_offer_of(actor, offer_id)
        target = target_of(Act.WITHDRAW, offer, actor, now)
        records.close_offers([offer], status=target, reason=Reason.WITHDRAWN, actor=actor, now=now)
        records.say(offer, actor, f"Offer withdrawn: {records.amount(offer)}")
        return offer


def _make_way(product: Product, buyer: User, now: datetime) -> Offer | None:
    """Close what is open between this buyer and the seller, so that one offer at a time stands.

    The buyer's own is replaced. The seller's counter-offer is answered: it's the new one's parent.
    """
    standing = [offer for offer in access.lock_open_offers(product) if offer.buyer_id == buyer.pk]
    if not standing:
        return None
    (offer,) = standing
    if offer.status_at(now) == Offer.Status.EXPIRED:
        records.expire_offers([offer], now)
        return None
    if offer.made_by_id == buyer.pk:
        records.close_offers(
            [offer], status=Offer.Status.WITHDRAWN, reason=Reason.REPLACED, actor=buyer, now=now
        )
        return None
    target = target_of(Act.COUNTER, offer, buyer, now)
    records.close_offers([offer], status=target, reason=Reason.COUNTERED, actor=buyer, now=now)
    return offer


def _place(
    *,
    product: Product,
    conversation: Conversation,
    made_by: User,
    price: Decimal,
    message: str,
    now: datetime,
    parent: Offer | None,
    client_offer_id: str,
) -> Offer:
    """Write the offer and let the seller's rules speak to a buyer's."""
    offer = records.open_offer(
        product=product,
        conversation=conversation,
        made_by=made_by,
        price=price,
        message=message,
        now=now,
        parent=parent,
        client_offer_id=client_offer_id,
    )
    is_buyers = made_by.pk == offer.buyer_id
    verdict = rules.verdict_on(product, price) if is_buyers else rules.Verdict.ASK
    if verdict == rules.Verdict.DECLINE:
        # Nobody is disturbed: the buyer reads a decline like any other, the seller finds it in the list.
        records.close_offers(
            [offer], status=Offer.Status.DECLINED, reason=Reason.BELOW_MINIMUM, actor=None, now=now
        )
        return offer
    if is_buyers:
        events.feed(offer, product, now)
    if verdict == rules.Verdict.ACCEPT:
        conclude_sale(offer, actor=None, now=now)
        return offer
    kind = "offer_countered" if parent else "offer_new"
    records.tell(
        offer,
        [offer.recipient],
        kind=kind,
        title=f"@{made_by.username} offers {records.amount(offer)}",
        actor=made_by,
    )
    return offer
