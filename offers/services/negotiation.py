"""Making, accepting, declining, countering and withdrawing an offer."""

import math
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import ngettext_lazy

from accounts.access import lock_user
from accounts.models import User
from chat.models import Conversation
from chat.services import open_conversation
from listings.models import Product
from offers import access, events, rules
from offers.models import Offer, Transaction
from offers.selectors import count_held_products
from offers.services import effects
from offers.services.sales import conclude_sale
from offers.states import Action, status_after
from soukloop.core.db.clock import database_now
from soukloop.core.errors import RateLimited

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
    """Make an offer to a product's seller, replacing the buyer's earlier pending offer on the product.

    The seller's price rules may accept it at once, unless the buyer holds ORDERS_UNPAID_MAX unpaid products,
    or decline it later. A repeated `client_offer_id` returns the first offer with that id. Raises NotFound,
    Forbidden (`own_product`), Conflict (`product_not_available`, `offers_disabled`), ValidationFailed and
    RateLimited.
    """
    now = database_now()
    with transaction.atomic():
        seen = access.product_for_offer(actor, product_id)
        _lock_buyer_of_auto_accept(seen, actor)
        product = access.lock_product(product_id)
        product.seller = seen.seller
        if client_offer_id and (earlier := access.offer_with_client_id(actor, product, client_offer_id)):
            return earlier
        rules.require_accepts_offers(product, actor)
        rules.require_valid_price(product, offered_price, currency)
        _require_below_daily_limit(product, actor, now)
        conversation, _ = open_conversation(
            actor=actor, other_user_id=product.seller_id, product_id=product.pk
        )
        parent = close_standing_offer(product, actor, now)
        return _create_and_apply_rules(
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
    """Close an offer made to the actor, create one in the other direction and return the new one.

    Raises NotFound, Forbidden, Conflict for a closed offer (`offer_…`), and what `create_offer` raises.
    """
    now = database_now()
    with transaction.atomic():
        seen = access.offer_of(actor, offer_id)
        if actor.pk == seen.buyer_id:
            _lock_buyer_of_auto_accept(seen.product, actor)
        offer = access.lock_offer_of(actor, offer_id)
        product = offer.product
        if client_offer_id and (earlier := access.offer_with_client_id(actor, product, client_offer_id)):
            return earlier
        target = status_after(Action.COUNTER, offer, actor, now)
        rules.require_on_sale(product)
        rules.require_open_account(offer.made_by)
        if actor.pk == offer.buyer_id:
            rules.require_accepts_offers(product, actor)
        rules.require_valid_price(product, offered_price, currency)
        if actor.pk == offer.buyer_id:
            _require_below_daily_limit(product, actor, now)
        effects.close_offers([offer], status=target, reason=Reason.COUNTERED, actor=actor, now=now)
        return _create_and_apply_rules(
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
    """Accept an offer made to the actor: the product is sold, and every other offer on it is declined.

    Raises NotFound, Forbidden, and Conflict for an offer that is closed (`offer_…`) or can no longer be
    fulfilled (`product_not_available`, `price_lowered`, `party_unavailable`).
    """
    now = database_now()
    with transaction.atomic():
        offer = access.lock_offer_of(actor, offer_id)
        status_after(Action.ACCEPT, offer, actor, now)
        return conclude_sale(offer, actor=actor, now=now)


def decline_offer(*, actor: User, offer_id: UUID) -> Offer:
    """Decline an offer made to the actor; raises NotFound, Forbidden, Conflict (`offer_…`)."""
    now = database_now()
    with transaction.atomic():
        offer = access.lock_offer_of(actor, offer_id)
        status_after(Action.DECLINE, offer, actor, now)
        effects.decline_by_recipient(offer, reason=Reason.DECLINED, actor=actor, now=now)
        return offer


def withdraw_offer(*, actor: User, offer_id: UUID) -> Offer:
    """Withdraw the actor's own offer; raises NotFound, Forbidden, Conflict (`offer_…`)."""
    now = database_now()
    with transaction.atomic():
        offer = access.lock_offer_of(actor, offer_id)
        target = status_after(Action.WITHDRAW, offer, actor, now)
        effects.close_offers([offer], status=target, reason=Reason.WITHDRAWN, actor=actor, now=now)
        effects.post_system_message(offer, actor, effects.OFFER_WITHDRAWN)
        effects.notify_of_withdrawal(offer)
        return offer


def close_standing_offer(product: Product, buyer: User, now: datetime) -> Offer | None:
    """Close the pending offer between this buyer and the seller, so that there is only one at a time.

    Returns the new offer's parent: the seller's counter-offer that it answers. Returns None if the closed
    offer was the buyer's own.
    """
    if not access.has_open_offer(product, buyer):
        return None
    (offer,) = access.lock_open_offers(product, Q(buyer=buyer))  # a partial unique index allows only one
    if offer.status_at(now) == Offer.Status.EXPIRED:
        effects.expire_offers([offer], now)
        return None
    if offer.made_by_id == buyer.pk:
        effects.close_offers(
            [offer], status=Offer.Status.WITHDRAWN, reason=Reason.REPLACED, actor=buyer, now=now
        )
        return None
    target = status_after(Action.COUNTER, offer, buyer, now)
    effects.close_offers([offer], status=target, reason=Reason.COUNTERED, actor=buyer, now=now)
    return offer


def _create_and_apply_rules(
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
    """Create the offer; if the buyer made it, apply the seller's price rules.

    For an offer below the minimum price, the buyer and everyone who watches the product get what they get for
    any pending offer, or the minimum could be found by trying prices. Only the seller's notification is left
    out.
    """
    by_buyer = made_by.pk == conversation.buyer_id
    verdict = rules.apply_seller_rules(product, price) if by_buyer else rules.Verdict.ASK_SELLER
    if verdict == rules.Verdict.ACCEPT and count_held_products(made_by, now) >= settings.ORDERS_UNPAID_MAX:
        verdict = (
            rules.Verdict.ASK_SELLER
        )  # or one buyer could take everything off the market and pay nothing
    offer = effects.open_offer(
        product=product,
        conversation=conversation,
        made_by=made_by,
        price=price,
        message=message,
        now=now,
        parent=parent,
        client_offer_id=client_offer_id,
        auto_decline_at=rules.auto_decline_time(now) if verdict == rules.Verdict.DECLINE else None,
    )
    if by_buyer:
        events.publish_offer_feed(offer, product, now)
    if verdict == rules.Verdict.ACCEPT:
        conclude_sale(offer, actor=None, now=now)
    elif verdict == rules.Verdict.ASK_SELLER:
        effects.notify_of_new_offer(offer)
    return offer


def _lock_buyer_of_auto_accept(product: Product, buyer: User) -> None:
    """Lock the buyer's account before the product, so that parallel offers are accepted one by one."""
    if product.auto_accept_price is not None:
        lock_user(buyer.pk)


def _require_below_daily_limit(product: Product, buyer: User, now: datetime) -> None:
    """Raise RateLimited at the limit; the product's lock lets parallel offers be counted one by one."""
    limit = settings.OFFERS_PER_BUYER_AND_PRODUCT_PER_DAY
    made_at = access.offer_times_of_day(product, buyer, now)
    if len(made_at) >= limit:
        wait = made_at[-limit] + timedelta(days=1) - now
        raise RateLimited(
            ngettext_lazy(
                "You can make %(limit)d offer a day on one product.",
                "You can make %(limit)d offers a day on one product.",
                "limit",
            ),
            params={"limit": limit},
            retry_after=math.ceil(wait.total_seconds()),
        )
