"""Reads of payments."""

from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Sum

from payments import fees
from payments.models import Chargeback, Payment, Refund
from soukloop.core.db.reads import Statement, fetch

_CLOSED = (Payment.State.FAILED, Payment.State.CANCELLED)
OPEN_REFUNDS = (Refund.State.WAITING, Refund.State.REQUESTED, Refund.State.PENDING)


def standing_payment(reference: UUID) -> Payment | None:
    """Return the payment for a reference that neither failed nor was cancelled; there is at most one."""
    return Payment.objects.filter(reference=reference).exclude(state__in=_CLOSED).first()


def latest_payment(reference: UUID) -> Payment | None:
    """Return the newest payment for a reference, whatever became of it."""
    return Payment.objects.filter(reference=reference).order_by("-created_at").first()


def refundable(payment: Payment) -> int:
    """Return what may still be refunded of a locked payment, in fils.

    Refunds that are on their way and chargebacks that are not decided count as gone.
    """
    refunds = payment.refunds.filter(state__in=OPEN_REFUNDS).aggregate(sum=Sum("amount"))["sum"] or 0
    chargebacks = (
        payment.chargebacks.filter(state=Chargeback.State.OPEN).aggregate(sum=Sum("amount"))["sum"] or 0
    )
    return payment.amount - payment.refunded - refunds - chargebacks


def fee_given_back(payment: Payment, amount: int, *, besides: UUID) -> int:
    """Return what of our fee a refund of a locked payment gives back, after all that were begun before it.

    `besides` is the refund's own id, whether it has a row already or not.
    """
    others = payment.refunds.filter(state__in=(Refund.State.REQUESTED, Refund.State.PENDING))
    begun: int = others.exclude(id=besides).aggregate(sum=Sum("amount"))["sum"] or 0
    before = payment.refunded + begun
    return fees.parts_returned(payment.amount, payment.fee, payment.vat, before=before, part=amount).fee


class WaysToBePaid(NamedTuple):
    """How a seller can be paid now."""

    card: bool
    """The account at the card provider may be paid."""
    in_person: bool
    """The fees for sales in person that are owed, or will be once they are handed over, are within the limit,
    and none of their bills is overdue."""


_WAYS_TO_BE_PAID = """
SELECT EXISTS (SELECT FROM payments_selleraccount
    WHERE seller_id = %s AND provider = %s AND charges_enabled),
  coalesce((SELECT sum(amount) FROM payments_entryline
    WHERE account = 'fee_debt' AND person_id = %s), 0)
  + greatest(coalesce((SELECT sum(amount) FROM payments_entryline
    WHERE account = 'seller_available' AND person_id = %s), 0), 0)
  + coalesce((SELECT sum(fee) FROM payments_payment
    WHERE payee_id = %s AND provider = 'in_person' AND state = 'authorised'), 0) <= %s
  AND NOT EXISTS (SELECT FROM payments_feebill WHERE seller_id = %s AND state = 'overdue')
"""


def ways_to_be_paid(seller_id: UUID) -> WaysToBePaid:
    """Return how a seller can be paid now, in one query."""
    debt = [seller_id, seller_id, seller_id, settings.FEE_DEBT_MAX_FILS]
    params = [seller_id, settings.CARD_PROVIDER, *debt, seller_id]
    [(card, in_person)] = fetch(Statement(_WAYS_TO_BE_PAID, params))
    return WaysToBePaid(card, in_person)
