"""Reads of payments."""

from uuid import UUID

from django.db.models import Sum

from payments.models import Chargeback, Payment, Refund

_CLOSED = (Payment.State.FAILED, Payment.State.CANCELLED)
_OPEN_REFUNDS = (Refund.State.WAITING, Refund.State.REQUESTED, Refund.State.PENDING)


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
    refunds = payment.refunds.filter(state__in=_OPEN_REFUNDS).aggregate(sum=Sum("amount"))["sum"] or 0
    chargebacks = (
        payment.chargebacks.filter(state=Chargeback.State.OPEN).aggregate(sum=Sum("amount"))["sum"] or 0
    )
    return payment.amount - payment.refunded - refunds - chargebacks
