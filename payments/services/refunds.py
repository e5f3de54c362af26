"""Refunds: asked for within what is left, approved by a second person above a limit, made by a job."""

from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from payments import access
from payments.error_codes import PaymentsErrorCode
from payments.models import Payment, Refund
from payments.providers import IN_PERSON, provider, provider_call
from payments.providers.base import ProviderRefused
from payments.selectors import fee_given_back, refundable
from payments.services.advance import advance_refund, fail_refund
from payments.services.advance.payments import charged_account
from payments.services.advance.refunds import move_refund
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden, ValidationFailed
from soukloop.core.jobs.queue import enqueue
from soukloop.core.money import from_fils, to_fils
from soukloop.core.staff.history import log_staff_action

State = Refund.State
_PERMISSION = "payments.change_refund"


def request_refund(
    *,
    payment: Payment,
    amount: Decimal,
    reason: Refund.Reason,
    requested_by: User | None,
    note: str = "",
    needs_approval: bool = False,
    permission: str = _PERMISSION,
    retry_of: Refund | None = None,
) -> Refund:
    """Give back a part of a captured payment, or all of it; a job makes it at the provider.

    Above REFUND_TWO_PEOPLE_ABOVE_FILS, together with earlier ones of the payment that nobody else approved, a
    refund by staff waits for a second person; with `needs_approval` any refund waits for staff. Of a sale
    paid in person our fee is waived in proportion, at once. `requested_by` is None for automatic ones, else
    staff with `permission`: who decides disputes has another one than finance. Raises ValidationFailed,
    Forbidden, and Conflict (`payment_not_captured`, `refund_too_large`).
    """
    if requested_by is not None:
        access.require_staff(requested_by, permission)
    fils = _positive_fils(amount)
    with transaction.atomic():
        payment = access.lock_payment(payment.pk)
        _require_refundable(payment, fils, left=refundable(payment))
        needs_consent = needs_approval or (
            requested_by is not None
            and fils + _refunded_alone(payment) > settings.REFUND_TWO_PEOPLE_ABOVE_FILS
        )
        refund = Refund.objects.create(
            payment=payment,
            amount=fils,
            reason=reason,
            note=note[:500],
            state=State.WAITING if needs_consent else State.REQUESTED,
            requested_by=requested_by,
            retry_of=retry_of,
            created_at=database_now(),
        )
        if requested_by is not None:
            log_staff_action(actor=requested_by, row=refund, message=f"Requested: {reason} {note}".strip())
        if not needs_consent:
            _begin(refund)
        return refund


def request_refund_by_staff(
    *,
    actor: User,
    payment_id: UUID,
    amount: Decimal | None,
    reason: Refund.Reason,
    note: str,
    expected_left: int,
) -> Refund:
    """Request a refund as finance, of all that is left unless an amount is given.

    `expected_left` is what was left, in fils, when the person decided: so a second click, or a second person,
    does not refund twice. Raises Forbidden, NotFound, and Conflict (`refund_overtaken`, and what
    `request_refund` raises).
    """
    access.require_staff(actor, _PERMISSION)
    with transaction.atomic():
        payment = access.lock_payment(payment_id)
        _require_uninvolved(actor, payment)
        left = refundable(payment)
        if left != expected_left:
            raise Conflict(
                _("Meanwhile %(left)s are left of this payment. Look at it again."),
                params={"left": from_fils(left)},
                code=PaymentsErrorCode.REFUND_OVERTAKEN,
            )
        return request_refund(
            payment=payment,
            amount=from_fils(left) if amount is None else amount,
            reason=reason,
            requested_by=actor,
            note=note,
        )


def approve_refund(*, actor: User, refund_id: UUID, reason: str = "") -> Refund:
    """Consent to a refund that another member of staff asked for, if it can still be made.

    A bank may have taken the money back meanwhile. Raises Forbidden, NotFound, and Conflict
    (`refund_not_waiting`, `refund_needs_second_person`, `payment_not_captured`, `refund_too_large`).
    """
    access.require_staff(actor, _PERMISSION)
    with transaction.atomic():
        refund = _lock_waiting(refund_id)
        if refund.requested_by_id == actor.pk:
            raise Conflict(
                _("Somebody else must approve this refund."),
                code=PaymentsErrorCode.REFUND_NEEDS_SECOND_PERSON,
            )
        payment = refund.payment
        _require_uninvolved(actor, payment)
        # While it waits, it counts as gone itself.
        _require_refundable(payment, refund.amount, left=refundable(payment) + refund.amount)
        refund.approved_by = actor
        move_refund(refund, State.REQUESTED)
        log_staff_action(actor=actor, row=refund, message=f"Approved: {reason}")
        _begin(refund)
        return refund


def reject_refund(*, actor: User, refund_id: UUID, reason: str) -> Refund:
    """Reject a refund that waits for consent.

    Raises Forbidden, NotFound, and Conflict (`refund_not_waiting`).
    """
    access.require_staff(actor, _PERMISSION)
    with transaction.atomic():
        refund = _lock_waiting(refund_id)
        move_refund(refund, State.REJECTED)
        log_staff_action(actor=actor, row=refund, message=f"Rejected: {reason}")
        return refund


def retry_refund(*, actor: User, refund_id: UUID, reason: str = "") -> Refund:
    """Ask for a failed refund once more, as a new one, with a key of its own; if that fails too, retry that.

    Raises Forbidden, NotFound, and Conflict (`refund_not_failed`, and what `request_refund` raises).
    """
    access.require_staff(actor, _PERMISSION)
    with transaction.atomic():
        refund = access.lock_refund(refund_id)
        if refund.state != State.FAILED:
            raise Conflict(_("This refund did not fail."), code=PaymentsErrorCode.REFUND_NOT_FAILED)
        if Refund.objects.filter(retry_of=refund).exists():
            raise Conflict(
                _("This refund was tried again already."), code=PaymentsErrorCode.REFUND_NOT_FAILED
            )
        _require_uninvolved(actor, refund.payment)
        log_staff_action(actor=actor, row=refund, message=f"Tried again: {reason}")
        return request_refund(
            payment=refund.payment,
            amount=Decimal(refund.amount).scaleb(-2),
            reason=Refund.Reason(refund.reason),
            requested_by=actor,
            note=refund.note,
            retry_of=refund,
        )


def refund_at_provider(refund_id: UUID) -> None:
    """Make a requested refund at its provider; called by a job. Raises Unavailable.

    A call that was not answered is repeated with the same key. One that was made at the provider itself, and
    has its id, is only asked about.
    """
    refund = Refund.objects.select_related("payment__account").get(pk=refund_id)
    if refund.state != State.REQUESTED or refund.external_id:
        return
    payment = refund.payment
    try:
        with provider_call():
            told = provider(payment.provider).create_refund(
                payment.external_id,
                charged_account(payment),
                refund.amount,
                fee=refund.fee,
                reference=str(refund.pk),
                key=f"refund:{refund.pk}",
            )
    except ProviderRefused as refusal:
        fail_refund(refund.pk, refusal.code)
        return
    advance_refund(refund.pk, told)


def _positive_fils(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent if amount.is_finite() and amount > 0 else None
    if not isinstance(exponent, int) or exponent < -2:
        raise ValidationFailed(
            details={"amount": [_("An amount is more than zero, with at most two decimal places.")]}
        )
    return to_fils(amount)


def _begin(refund: Refund) -> None:
    """Enqueue a refund that is REQUESTED; our fee is given back in proportion to all that was returned."""
    payment = refund.payment
    refund.fee = fee_given_back(payment, refund.amount, besides=refund.pk)
    refund.save(update_fields=["fee"])
    if payment.provider == IN_PERSON:
        move_refund(refund, State.SUCCEEDED)
    else:
        enqueue("payments.refund", lock=f"payment:{payment.pk}", refund_id=str(refund.pk))


def _refunded_alone(payment: Payment) -> int:
    """Return what staff gave back of a locked payment without a second person, in fils."""
    alone = payment.refunds.filter(
        requested_by__isnull=False,
        approved_by=None,
        state__in=(State.REQUESTED, State.PENDING, State.SUCCEEDED),
    )
    return sum(alone.values_list("amount", flat=True))


def _require_refundable(payment: Payment, fils: int, *, left: int) -> None:
    """Raise Conflict unless `fils` of a locked payment, of which `left` is left, can be refunded."""
    if payment.state != Payment.State.CAPTURED:
        raise Conflict(
            _("Only a payment that was made can be refunded."), code=PaymentsErrorCode.PAYMENT_NOT_CAPTURED
        )
    if not 0 < fils <= left:
        raise Conflict(
            _("This is more than what is left of the payment."), code=PaymentsErrorCode.REFUND_TOO_LARGE
        )


def _require_uninvolved(actor: User, payment: Payment) -> None:
    """Raise Forbidden if a member of staff would move money of their own."""
    if actor.pk in (payment.payer_id, payment.payee_id):
        raise Forbidden(_("You can't decide about your own payment."))


def _lock_waiting(refund_id: UUID) -> Refund:
    refund = access.lock_refund(refund_id)
    if refund.state != State.WAITING:
        raise Conflict(_("This refund does not wait for consent."), code=PaymentsErrorCode.REFUND_NOT_WAITING)
    return refund
