"""The payments of an order: beginning one, giving it up, refunding it, releasing the seller's share."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from listings.services import mark_sold
from offers.events import publish_product_sold
from offers.services.purchases import decline_rivals
from orders.error_codes import OrdersErrorCode
from orders.models import Order
from orders.services import timeline
from payments.models import Payment, Refund
from payments.selectors import refundable, standing_payment
from payments.services.billing import has_debt_limit
from payments.services.payments import cancel_payment, start_payment
from payments.services.payouts import release
from payments.services.refunds import request_refund
from soukloop.core.errors import Conflict
from soukloop.core.money import from_fils

State, Method = Order.State, Order.PaymentMethod


def begin_payment(order: Order, *, actor: User | None, now: datetime) -> None:
    """Begin the payment of a locked, unpaid order by its method; in person, both sides are bound at once.

    Raises Conflict (`payment_pending`, `seller_not_paid_by_card`, `seller_not_available_in_person`).
    """
    sale, in_person = order.transaction, order.payment_method == Method.IN_PERSON
    if in_person:
        require_available_in_person(order.seller)
    start_payment(
        reference=order.pk,
        payer=order.buyer,
        payee=order.seller,
        amount=sale.price,
        fee=sale.platform_fee,
        method="in_person" if in_person else "card",
        description=order.product.title,
    )
    if in_person:
        decline_rivals(sale, now=now)
        timeline.move(order, State.AUTHORISED, what="authorised_in_person", actor=actor, now=now)


def begin_another_payment(order: Order, method: str, *, actor: User, now: datetime) -> None:
    """Begin a payment of a locked, unpaid order again, if none is under way, by this method.

    One by card that is under way is given up for one in person, which begins once the provider has confirmed
    that. Raises as `begin_payment`.
    """
    payment = standing_payment(order.pk)
    if payment is None:
        order.payment_method = method
        order.save(update_fields=["payment_method"])
        begin_payment(order, actor=actor, now=now)
        if method == Method.CARD:
            timeline.record(order, "payment_begun", actor=actor, now=now)
    elif method == Method.IN_PERSON and order.payment_method == Method.CARD:
        require_available_in_person(order.seller)
        order.payment_method = method
        order.save(update_fields=["payment_method"])
        cancel_payment(payment=payment)


def sell(order: Order, *, now: datetime) -> None:
    """Mark a locked order's product as sold, if it was only reserved; decline the offers of others."""
    sale, product = order.transaction, order.product
    rivals = decline_rivals(sale, now=now)
    if product.reserved_at is not None:
        mark_sold(product=product, notified=[order.buyer_id, *(person.pk for person in rivals)])
        publish_product_sold(product, sale)


def give_up_payment(order: Order, *, reason: Refund.Reason = Refund.Reason.CANCELLED) -> None:
    """Cancel the payment of a locked order that is over, or refund it in full if it was captured."""
    payment = standing_payment(order.pk)
    if payment is None:
        return
    if payment.state == Payment.State.CAPTURED:
        refund_in_full(payment, reason=reason)
    else:
        cancel_payment(payment=payment)


def refund_in_full(payment: Payment, *, reason: Refund.Reason = Refund.Reason.CANCELLED) -> None:
    """Give back what is left of a captured payment, if anything is."""
    if left := refundable(payment):
        request_refund(payment=payment, amount=from_fils(left), reason=reason, requested_by=None)


def release_share(order: Order) -> None:
    """Let the seller have their share of a completed order."""
    payment = standing_payment(order.pk)
    if payment is not None and payment.state == Payment.State.CAPTURED:
        release(payment=payment)


def is_partly_refunded(order: Order) -> bool:
    """Return whether a part of a locked order's payment went back to the buyer."""
    payment = standing_payment(order.pk)
    return payment is not None and 0 < payment.refunded < payment.amount


def require_available_in_person(seller: User) -> None:
    """Raise Conflict (`seller_not_available_in_person`) if the seller owes us too much, or for too long."""
    if has_debt_limit(seller):
        raise Conflict(
            _("This seller can't sell in person at present."),
            code=OrdersErrorCode.SELLER_NOT_AVAILABLE_IN_PERSON,
        )
