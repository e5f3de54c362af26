"""Placing an order, paying it again after a failed payment, and expiring what was not paid in time."""

import logging
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.blocks import is_blocked_between
from accounts.models import User
from listings.error_codes import ListingsErrorCode
from listings.models import Product
from listings.services import reserve
from offers import access as offers_access
from offers.error_codes import OffersErrorCode
from offers.models import Offer, Transaction
from offers.rules import require_on_sale
from offers.selectors import count_held_products
from offers.services.purchases import purchase
from offers.services.sales import cancel_sale, expire_sale
from offers.states import Action as OfferAction
from offers.states import Side as OfferSide
from offers.states import next_status
from orders import access
from orders.error_codes import OrdersErrorCode
from orders.models import Order
from orders.selectors import count_unpaid_orders, is_held_by_expired
from orders.services import paying, timeline
from orders.services.addresses import address_for_order
from orders.states import Action, require_allowed, side_of
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden, ValidationFailed
from soukloop.core.money import price_display

logger = logging.getLogger(__name__)
State, Method, Delivery = Order.State, Order.PaymentMethod, Order.Delivery


def place_order(
    *,
    actor: User,
    payment_method: str,
    delivery: str,
    product_id: UUID | None = None,
    offer_id: UUID | None = None,
    address_id: UUID | None = None,
    expected_price: Decimal | None = None,
) -> Order:
    """Buy a product at its price, or order what was agreed in an accepted offer, and begin the payment.

    `expected_price` is what the buyer saw, so that nobody is bound to a price that was raised meanwhile.

    Bought with a card, the product is reserved for ORDER_BUY_NOW_RESERVED_FOR; an accepted offer must be paid
    within ORDER_OFFER_RESERVED_FOR of its acceptance. To be paid in person, both sides are bound at once.
    Raises ValidationFailed, NotFound, Forbidden (`own_product`, `not_the_buyer`), and Conflict
    (`product_reserved`, `product_not_available`, `price_changed`, `party_unavailable`, `offer_…`,
    `order_exists`, `too_many_unpaid_orders`, `too_many_attempts`, `phone_not_confirmed`,
    `seller_not_paid_by_card`, `seller_not_available_in_person`).
    """
    _require_possible_delivery(payment_method, delivery)
    address = None
    if delivery == Delivery.SHIPPING:
        if address_id is None:
            raise ValidationFailed(details={"address_id": [_("Name the address to send it to.")]})
        address = address_for_order(actor=actor, address_id=address_id)
    if offer_id is None:
        if product_id is None:
            raise ValidationFailed(details={"product_id": [_("Name a product, or an accepted offer.")]})
        seller = _product_on_sale(actor, product_id).seller
    else:
        if product_id is not None:
            raise ValidationFailed(details={"offer_id": [_("Name a product or an offer, not both.")]})
        seller = _accepted_offer(actor, offer_id, database_now()).seller
    with transaction.atomic():
        access.lock_both_people(actor, seller.pk)
        now = database_now()
        if offer_id is None:
            assert product_id is not None
            _require_below_limit(count_held_products(actor, now))
            sale, expires_at = _buy_now(actor, product_id, now)
        else:
            _require_below_limit(
                count_unpaid_orders(actor, now)
            )  # the product of an accepted offer is held already
            sale, expires_at = _order_offer(actor, offer_id, now)
        _require_expected_price(sale, expected_price)
        order = Order.objects.create(
            transaction=sale,
            product=sale.product,
            buyer=sale.buyer,
            seller=sale.seller,
            payment_method=payment_method,
            delivery=delivery,
            shipping_address=address,
            expires_at=expires_at,
            created_at=now,
        )
        timeline.record(order, "created", actor=actor, now=now)
        paying.begin_payment(order, actor=actor, now=now)
        return order


def pay_again(*, actor: User, order_id: UUID, payment_method: str | None = None) -> Order:
    """Begin another payment of an unpaid order after one that failed; by another method if one is named.

    A payment by card that still waits for its payer stays, unless the order is now to be paid in person.
    Raises NotFound, Forbidden (`not_the_buyer`), ValidationFailed, and Conflict (`order_…`,
    `seller_not_paid_by_card`, `seller_not_available_in_person`).
    """
    seller_id = access.order_of(actor, order_id).seller_id
    with transaction.atomic():
        access.lock_both_people(actor, seller_id)
        order = access.lock_order_of(actor, order_id)
        now = database_now()
        require_allowed(Action.PAY, order.state_at(now), side_of(order, actor))
        _require_possible_delivery(payment_method or order.payment_method, order.delivery)
        method = payment_method or order.payment_method
        paying.begin_another_payment(order, method, actor=actor, now=now)
        return order


def expire_due_orders() -> int:
    """Mark unpaid orders past their time as expired, and put their products on sale; return how many."""
    expired = 0
    for order_id in Order.objects.due_at(database_now()).order_by("expires_at").values_list("pk", flat=True):
        try:
            expired += _expire(order_id)
        except OperationalError as error:  # the product's row was locked for too long; the next run retries
            logger.warning("expiring order %s failed: %s", order_id, error)
    return expired


def _expire(order_id: UUID) -> bool:
    with transaction.atomic():
        order = access.lock_order(order_id)
        now = database_now()
        if order.state == order.state_at(now):  # paid or cancelled meanwhile
            return False
        expire(order, now=now)
        return True


def expire(order: Order, *, now: datetime) -> None:
    """Expire a locked order that was not paid in time; a payment that is under way is cancelled."""
    cancel_sale(order.transaction, actor=None, reason="", now=now)
    timeline.move(order, State.EXPIRED, what="expired", actor=None, now=now)
    paying.give_up_payment(order)


def _buy_now(actor: User, product_id: UUID, now: datetime) -> tuple[Transaction, datetime]:
    product = offers_access.lock_product(product_id)
    if is_held_by_expired(product, now):
        _expire_what_is_due_on(product_id, now)
        product = offers_access.lock_product(product_id)  # on sale again, unless its seller has no room
    product.seller = User.objects.get(pk=product.seller_id)
    _require_for_sale_to(actor, product)
    _require_not_given_up_often(actor, product, now)
    sale = purchase(product=product, buyer=actor, now=now)
    reserve(product=product)
    return sale, now + settings.ORDER_BUY_NOW_RESERVED_FOR


def _order_offer(actor: User, offer_id: UUID, now: datetime) -> tuple[Transaction, datetime]:
    """Lock the sale of an accepted offer, and return it with the time until which it must be paid."""
    offer = _accepted_offer(actor, offer_id, now)
    found = Transaction.objects.get(offer=offer)
    sale = offers_access.lock_sale(found.pk, product_id=found.product_id, offer_id=offer.pk)
    if Order.objects.filter(transaction=sale).exists():
        raise Conflict(_("There is an order for this offer already."), code=OrdersErrorCode.ORDER_EXISTS)
    if sale.status_at(now) != Transaction.Status.PENDING:
        raise Conflict(
            _("The sale from this offer was cancelled."), code=OffersErrorCode.TRANSACTION_CANCELLED
        )
    if sale.product.status != Product.Status.SOLD or sale.product.seller_closed:
        raise _not_available()
    # A sale of an earlier version has no time until which it must be ordered, but its order has.
    expires_at = sale.expires_at or now + settings.ORDER_OFFER_RESERVED_FOR
    sale.expires_at = None
    sale.save(update_fields=["expires_at"])
    return sale, expires_at


def _product_on_sale(actor: User, product_id: UUID) -> Product:
    """Look without a lock, so that those who come too late don't wait for one another."""
    product = offers_access.product_for_offer(actor, product_id)
    if not is_held_by_expired(product, database_now()):
        _require_for_sale_to(actor, product)
    return product


def _expire_what_is_due_on(product_id: UUID, now: datetime) -> None:
    """Expire what holds a locked product past its time, so that the next buyer needn't wait for the job."""
    due_orders = Order.objects.due_at(now).filter(product_id=product_id)
    for order_id in list(due_orders.values_list("pk", flat=True)):
        expire(access.lock_order(order_id), now=now)
    due_sales = Transaction.objects.due_at(now).filter(product_id=product_id)
    for sale_id, offer_id in list(due_sales.values_list("pk", "offer_id")):
        expire_sale(sale_id, product_id, offer_id)


def _require_for_sale_to(actor: User, product: Product) -> None:
    if product.seller_id == actor.pk:
        raise Forbidden(_("You cannot buy your own product."), code=OffersErrorCode.OWN_PRODUCT)
    if product.status == Product.Status.RESERVED:
        raise Conflict(_("Somebody else is buying this product."), code=ListingsErrorCode.PRODUCT_RESERVED)
    require_on_sale(product)


def _accepted_offer(actor: User, offer_id: UUID, now: datetime) -> Offer:
    offer = offers_access.offer_of(actor, offer_id)
    if offer.buyer_id != actor.pk:
        raise Forbidden(_("Only the buyer may do this."), code=OrdersErrorCode.NOT_THE_BUYER)
    next_status(OfferAction.CANCEL, offer.status_at(now), OfferSide.SYSTEM)  # unless it stands as accepted
    if is_blocked_between(actor.pk, offer.seller_id):
        raise Conflict(_("The other side can't be reached."), code=OffersErrorCode.PARTY_UNAVAILABLE)
    return offer


def _require_below_limit(held: int) -> None:
    """Raise Conflict if the buyer holds as many products as one may; the buyer's lock makes it exact."""
    limit = settings.ORDERS_UNPAID_MAX
    if held >= limit:
        raise Conflict(
            _("You have %(limit)d orders that are not paid yet. Pay or cancel one of them first."),
            params={"limit": limit},
            code=OrdersErrorCode.TOO_MANY_UNPAID_ORDERS,
            details={"limit": limit},
        )


def _require_not_given_up_often(actor: User, product: Product, now: datetime) -> None:
    """Raise Conflict if the buyer cancelled purchases of this product, or let them expire, again and again.

    Otherwise one person could keep a product off the market. The buyer's lock makes the count exact.
    """
    given_up = Order.objects.filter(
        Q(state=State.EXPIRED) | Q(closed_by=actor),
        buyer=actor,
        product=product,
        closed_at__gt=now - settings.ORDER_REPEATS_COUNTED_FOR,
    )
    if given_up.count() >= settings.ORDER_REPEATS_OF_PRODUCT_MAX:
        raise Conflict(
            _("You gave up buying this product several times today. Try again tomorrow."),
            code=OrdersErrorCode.TOO_MANY_ATTEMPTS,
        )


def _require_expected_price(sale: Transaction, expected_price: Decimal | None) -> None:
    if expected_price is not None and expected_price != sale.price:
        raise Conflict(
            _("The price is now %(price)s."),
            params={"price": price_display(sale.price, sale.currency)},
            code=OrdersErrorCode.PRICE_CHANGED,
            details={"price": sale.price, "currency": sale.currency},
        )


def _require_possible_delivery(payment_method: str, delivery: str) -> None:
    if payment_method == Method.IN_PERSON and delivery != Delivery.MEET_UP:
        raise ValidationFailed(details={"delivery": [_("What is paid in person is handed over in person.")]})


def _not_available() -> Conflict:
    return Conflict(_("This product is no longer available."), code=OffersErrorCode.PRODUCT_NOT_AVAILABLE)
