"""Telling finance of people who meet again and again without paying our fee.

Cancelled orders have no fee, and of a sale in person the fee is waived if its seller accepts a dispute:
nobody can prove that the price went back to the buyer.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from orders.models import Dispute, Order
from payments.models import FinanceCase
from payments.services.cases import open_case


def report_pair(order: Order, now: datetime) -> None:
    """Open a case about two people with ORDER_CANCELLATIONS_OF_PAIR orders that ended without a fee."""
    orders = Order.objects.between(order.buyer_id, order.seller_id)
    cancelled = orders.filter(
        closed_by__in=[order.buyer_id, order.seller_id], closed_at__gt=_counted_since(now)
    ).count()
    accepted = _accepted(now).filter(order__in=orders).count()
    if cancelled + accepted >= settings.ORDER_CANCELLATIONS_OF_PAIR:
        open_case(
            kind=FinanceCase.Kind.REPEATED_CANCELLATIONS,
            key=f"{order.buyer_id}:{order.seller_id}",
            ours={
                "buyer": str(order.buyer_id),
                "seller": str(order.seller_id),
                "cancelled": cancelled,
                "accepted_disputes_in_person": accepted,
            },
            theirs={},
            person=order.seller,
        )


def report_accepted_dispute(order: Order, now: datetime) -> bool:
    """Count a dispute of a sale in person that its seller has just accepted; return whether staff decide.

    With FEES_WAIVED_BY_SELLER_MAX of them, finance has a case about the seller; the fees of further ones are
    not waived by the seller's consent alone. The caller has locked the seller's account.
    """
    if order.payment_method != Order.PaymentMethod.IN_PERSON:
        return False
    report_pair(order, now)
    accepted = _accepted(now).filter(order__seller=order.seller_id)
    count, limit = accepted.count(), settings.FEES_WAIVED_BY_SELLER_MAX
    if count >= limit:
        buyers = accepted.values("order__buyer").distinct().count()
        open_case(
            kind=FinanceCase.Kind.FEES_WAIVED_OFTEN,
            key=str(order.seller_id),
            ours={"seller": str(order.seller_id), "accepted_disputes_in_person": count, "buyers": buyers},
            theirs={},
            person=order.seller,
        )
    return count > limit


def _accepted(now: datetime) -> QuerySet[Dispute]:
    return Dispute.objects.filter(
        state=Dispute.State.ACCEPTED,
        closed_at__gt=_counted_since(now),
        order__payment_method=Order.PaymentMethod.IN_PERSON,
    )


def _counted_since(now: datetime) -> datetime:
    counted_since: datetime = now - settings.ORDER_CANCELLATIONS_COUNTED_FOR
    return counted_since
