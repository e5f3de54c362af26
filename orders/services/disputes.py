"""Disputes about orders: opened by buyers, closed by them, by the seller's consent, or by staff.

An open dispute holds the order in the state `disputed`, which neither completes by itself nor releases the
seller's share. The caller's transaction locks product, offer, sale and order before the dispute.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.access import lock_user
from accounts.models import User
from orders import access
from orders.error_codes import OrdersErrorCode
from orders.models import Dispute, DisputeEvidence, Order, OrderEvent
from orders.services import closing, fee_avoidance, timeline
from orders.states import Action, Side, conflict_of, require_allowed, side_of
from payments.models import Chargeback, Payment, Refund
from payments.selectors import refundable, standing_payment
from payments.services.refunds import request_refund
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden, ValidationFailed
from soukloop.core.images import is_picture
from soukloop.core.money import from_fils, to_fils
from soukloop.core.staff.history import log_staff_action
from soukloop.core.uploads import own_upload

State, Decision, OrderState = Dispute.State, Dispute.Decision, Order.State
_REST_MIN = timedelta(days=1)  # of the time for complaints, once a dispute is withdrawn


def open_dispute(
    *, actor: User, order_id: UUID, reason: str, text: str, image_urls: Sequence[str] = ()
) -> Dispute:
    """Open a dispute as the buyer, with a first piece of evidence, before the order completes.

    Raises NotFound, ValidationFailed for pictures that the actor didn't upload, Forbidden (`not_the_buyer`),
    and Conflict (`order_…`, `too_many_disputes`).
    """
    with transaction.atomic():
        order = access.lock_order_of(actor, order_id)
        now = database_now()
        require_allowed(Action.DISPUTE, order.state, side_of(order, actor))
        if order.completes_at is not None and order.completes_at <= now:  # the job is only late
            raise conflict_of(OrderState.COMPLETED)
        if Dispute.objects.filter(order=order).count() >= settings.DISPUTES_OF_ORDER_MAX:
            raise Conflict(
                _("You have disputed this order too often. Confirm it, or write to our support."),
                code=OrdersErrorCode.TOO_MANY_DISPUTES,
            )
        dispute = Dispute.objects.create(order=order, opened_by=actor, reason=reason, created_at=now)
        _add(dispute, actor, text, image_urls, now)
        data = {
            "dispute_id": str(dispute.pk),
            "completes_at": order.completes_at.isoformat() if order.completes_at else None,
        }
        order.disputed_from = order.state
        timeline.move(order, OrderState.DISPUTED, what="dispute_opened", actor=actor, now=now, data=data)
        return dispute


def add_evidence(
    *, actor: User, dispute_id: UUID, text: str = "", image_urls: Sequence[str] = ()
) -> DisputeEvidence:
    """Add what one side says and shows; only the two sides and staff see it.

    Raises NotFound, ValidationFailed, and Conflict (`dispute_closed`, `too_much_evidence`).
    """
    with transaction.atomic():
        dispute = access.lock_dispute_of(actor, dispute_id)
        _require_open(dispute)
        if dispute.evidence.filter(author=actor).count() >= settings.DISPUTE_EVIDENCE_MAX:
            raise Conflict(
                _("You have added all that you can. Our staff will decide."),
                code=OrdersErrorCode.TOO_MUCH_EVIDENCE,
            )
        now = database_now()
        evidence = _add(dispute, actor, text, image_urls, now)
        timeline.record(dispute.order, "dispute_evidence", actor=actor, now=now, data=_data(dispute))
        return evidence


def withdraw_dispute(*, actor: User, dispute_id: UUID) -> Dispute:
    """Withdraw a dispute as the buyer: the order is where it was, with the rest of the time, at least a day.

    While the buyer's bank disputes the payment too, the order waits for the bank. Raises NotFound, Forbidden
    (`not_the_buyer`), and Conflict (`dispute_closed`).
    """
    with transaction.atomic():
        dispute = access.lock_dispute_of(actor, dispute_id)
        _require_side(dispute, actor, Side.BUYER)
        _require_open(dispute)
        now = database_now()
        _close(dispute, State.WITHDRAWN, now)
        order, payment = dispute.order, standing_payment(dispute.order_id)
        if order.state != OrderState.DISPUTED or _has_open_chargeback(payment):
            timeline.record(order, "dispute_withdrawn", actor=actor, now=now, data=_data(dispute))
            return dispute
        before, order.disputed_from = order.disputed_from, ""
        timeline.move(order, before, what="dispute_withdrawn", actor=actor, now=now, data=_data(dispute))
        if order.completes_at is not None:
            order.completes_at = now + max(_rest_of_time(dispute), _REST_MIN)
            order.save(update_fields=["completes_at"])
        return dispute


def accept_dispute(*, actor: User, dispute_id: UUID) -> Dispute:
    """Accept a dispute as the seller: the buyer gets everything back.

    Of a sale in person our fee is waived at once; if the seller has accepted many, once staff agree. Raises
    NotFound, Forbidden (`not_the_seller`), and Conflict (`dispute_closed`, `chargeback_open`).
    """
    with transaction.atomic():
        lock_user(actor.pk)  # so that disputes accepted at the same moment are counted one by one
        dispute = access.lock_dispute_of(actor, dispute_id)
        _require_side(dispute, actor, Side.SELLER)
        _require_open(dispute)
        payment, now = _payment_of(dispute), database_now()
        dispute.refund_amount = from_fils(refundable(payment))
        _close(dispute, State.ACCEPTED, now)
        timeline.record(dispute.order, "dispute_accepted", actor=actor, now=now, data=_data(dispute))
        needs_approval = fee_avoidance.report_accepted_dispute(dispute.order, now)
        _refund(dispute, payment, requested_by=None, needs_approval=needs_approval)
        return dispute


def decide_dispute(
    *,
    actor: User,
    dispute_id: UUID,
    decision: str,
    explanation: str,
    refund_amount: Decimal | None = None,
) -> Dispute:
    """Decide a dispute as staff, and tell both sides why.

    With a refund, the order follows once the refund succeeds; a big one waits for a second member of staff,
    whose refusal opens the dispute again. Of a sale that was paid in person our fee is waived in proportion,
    at once. Without one the order is completed. Raises Forbidden unless the actor is staff with the "change"
    permission on disputes and none of the two sides, NotFound, ValidationFailed for an amount or explanation,
    and Conflict (`dispute_closed`, `chargeback_open`).
    """
    if not (actor.is_staff and actor.has_perm("orders.change_dispute")):
        raise Forbidden
    with transaction.atomic():
        dispute = access.lock_dispute(dispute_id)
        order = dispute.order
        if actor.pk in (order.buyer_id, order.seller_id):
            raise Forbidden(_("You can't decide about your own order."))
        _require_open(dispute)
        payment, now = _payment_of(dispute), database_now()
        dispute.refund_amount = _amount_of(decision, refund_amount, from_fils(refundable(payment)))
        if not explanation.strip():
            raise ValidationFailed(details={"explanation": [_("Tell both sides why.")]})
        dispute.decision, dispute.decided_by = decision, actor
        dispute.explanation = explanation.strip()
        _close(dispute, State.DECIDED, now)
        message = f"Decided: {decision} {dispute.refund_amount or ''} {dispute.explanation}"
        log_staff_action(actor=actor, row=dispute, message=message)
        data = _data(dispute) | {"decision": decision}
        timeline.record(order, "dispute_decided", actor=actor, now=now, data=data)
        if decision == Decision.NO_REFUND:
            closing.complete(order, actor=None, now=now)
        else:
            _refund(dispute, payment, requested_by=actor)
        return dispute


def follow_refund(refund: Refund, previous: str) -> None:
    """Open the dispute of a refund again that staff refused: it was decided, or accepted by the seller.

    Registered with `payments.hooks.refund_changed`, like the next one after that of the order itself.
    """
    if refund.state == Refund.State.REJECTED and refund.reason == Refund.Reason.DISPUTE:
        _reopen(refund)
    elif refund.state == Refund.State.SUCCEEDED:
        close_overtaken_dispute(refund.payment)


def follow_chargeback(chargeback: Chargeback, previous: str) -> None:
    """Close the dispute of an order whose payment the buyer's bank has taken back."""
    if chargeback.state == Chargeback.State.LOST:
        close_overtaken_dispute(chargeback.payment)


def close_overtaken_dispute(payment: Payment) -> None:
    """Close the open dispute of an order that was refunded meanwhile by staff or by the buyer's bank."""
    dispute = Dispute.objects.filter(order=payment.reference, state=State.OPEN).first()
    order = Order.objects.filter(pk=payment.reference).first()
    if dispute is None or order is None or order.state == OrderState.DISPUTED:
        return
    is_full = payment.refunded >= payment.amount
    dispute.decision = Decision.FULL_REFUND if is_full else Decision.PARTIAL_REFUND
    dispute.refund_amount = from_fils(payment.refunded)
    _close(dispute, State.DECIDED, database_now())


def _reopen(refund: Refund) -> None:
    closed = Dispute.objects.filter(order=refund.payment.reference, state__in=[State.DECIDED, State.ACCEPTED])
    dispute = closed.select_for_update().order_by("-closed_at").first()
    if dispute is None:
        return
    order = access.lock_order(dispute.order_id)
    if order.state != OrderState.DISPUTED:
        return
    dispute.state, dispute.decision, dispute.explanation = State.OPEN, "", ""
    dispute.refund_amount = dispute.decided_by = dispute.closed_at = None
    dispute.save()
    timeline.record(order, "dispute_reopened", actor=None, now=database_now(), data=_data(dispute))


def _add(
    dispute: Dispute, author: User, text: str, image_urls: Sequence[str], now: datetime
) -> DisputeEvidence:
    """Save a piece of evidence; its pictures must be uploads of its author's."""
    if not text and not image_urls:
        raise ValidationFailed(details={"text": [_("Write something, or add a picture.")]})
    for address in image_urls:
        name = own_upload(address, author.pk)
        if name is None or not is_picture(name):
            raise ValidationFailed(details={"image_urls": [_("Use pictures that you uploaded.")]})
    return DisputeEvidence.objects.create(
        dispute=dispute, author=author, text=text, image_urls=list(image_urls), created_at=now
    )


def _refund(
    dispute: Dispute, payment: Payment, *, requested_by: User | None, needs_approval: bool = False
) -> None:
    assert dispute.refund_amount is not None, dispute.pk
    request_refund(
        payment=payment,
        amount=dispute.refund_amount,
        reason=Refund.Reason.DISPUTE,
        requested_by=requested_by,
        note=f"dispute {dispute.pk}",
        needs_approval=needs_approval,
        permission="orders.change_dispute",
    )


def _amount_of(decision: str, asked: Decimal | None, left: Decimal) -> Decimal | None:
    """Return how much a decision gives back; a part is less than what is left of the price."""
    if decision == Decision.PARTIAL_REFUND:
        if asked is None or not 0 < asked < left:
            message = _("A part is more than zero and less than %(left)s.") % {"left": left}
            raise ValidationFailed(details={"refund_amount": [message]})
        to_fils(asked)
        return asked
    if asked is not None:
        raise ValidationFailed(details={"refund_amount": [_("Only a partial refund has an amount.")]})
    return left if decision == Decision.FULL_REFUND else None


def _payment_of(dispute: Dispute) -> Payment:
    """Return the payment that is disputed; raises Conflict (`chargeback_open`) if its bank decides."""
    payment = standing_payment(dispute.order_id)
    if payment is None or _has_open_chargeback(payment):
        raise Conflict(
            _("The buyer's bank is deciding about this payment; wait for it."),
            code=OrdersErrorCode.CHARGEBACK_OPEN,
        )
    return payment


def _has_open_chargeback(payment: Payment | None) -> bool:
    return payment is not None and payment.chargebacks.filter(state=Chargeback.State.OPEN).exists()


def _rest_of_time(dispute: Dispute) -> timedelta:
    """Return how much of the time for complaints was left when the dispute was opened."""
    opened = (
        OrderEvent.objects.filter(
            order=dispute.order, what="dispute_opened", data__dispute_id=str(dispute.pk)
        )
        .values_list("data", flat=True)
        .first()
    )
    completes_at = (opened or {}).get("completes_at")
    return datetime.fromisoformat(completes_at) - dispute.created_at if completes_at else timedelta(0)


def _require_open(dispute: Dispute) -> None:
    if dispute.state != State.OPEN:
        raise Conflict(
            _("This dispute is closed."),
            code=OrdersErrorCode.DISPUTE_CLOSED,
            details={"state": dispute.state},
        )


def _require_side(dispute: Dispute, actor: User, side: Side) -> None:
    if side_of(dispute.order, actor) == side:
        return
    if side == Side.BUYER:
        raise Forbidden(_("Only the buyer may do this."), code=OrdersErrorCode.NOT_THE_BUYER)
    raise Forbidden(_("Only the seller may do this."), code=OrdersErrorCode.NOT_THE_SELLER)


def _close(dispute: Dispute, state: str, now: datetime) -> None:
    dispute.state, dispute.closed_at = state, now
    dispute.save()


def _data(dispute: Dispute) -> dict[str, str]:
    return {"dispute_id": str(dispute.pk)}
