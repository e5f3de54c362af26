"""Starting, capturing and cancelling payments; the provider is called by jobs, after the commit."""

from decimal import Decimal
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from payments import access, fees
from payments.error_codes import PaymentsErrorCode
from payments.models import FeeBill, Payment, SavedCard, SellerAccount
from payments.providers import IN_PERSON, provider, provider_call
from payments.providers.base import PaymentRequest, PaymentState, ProviderRefused
from payments.selectors import standing_payment
from payments.services.advance import advance_payment, fail_payment
from payments.services.advance.payments import charged_account, move_payment
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict
from soukloop.core.jobs.queue import enqueue
from soukloop.core.money import to_fils

State = Payment.State
_OPEN = (State.CREATED, State.REQUIRES_ACTION, State.AUTHORISED)


def start_payment(
    *,
    reference: UUID,
    payer: User,
    payee: User,
    amount: Decimal,
    fee: Decimal,
    method: Literal["card", "in_person"],
    description: str,
) -> Payment:
    """Create a payment for a sale, in the caller's transaction, which holds the lock of what is paid.

    By card it is CREATED, and a job begins it at the provider. In person it is AUTHORISED at once. Neither
    calls `payment_changed`. Raises Conflict (`payment_pending` if there is a standing one,
    `seller_not_paid_by_card`).
    """
    if standing_payment(reference) is not None:
        raise Conflict(
            _("Another payment for this is not finished yet."), code=PaymentsErrorCode.PAYMENT_PENDING
        )
    now, fee_fils = database_now(), to_fils(fee)
    payment = Payment(
        kind=Payment.Kind.SALE,
        reference=reference,
        payer=payer,
        payee=payee,
        amount=to_fils(amount),
        fee=fee_fils,
        vat=fees.vat_within(fee_fils),
        description=description[:200],
        created_at=now,
    )
    if method == "in_person":
        payment.provider, payment.state, payment.authorised_at = IN_PERSON, State.AUTHORISED, now
        payment.save()
        return payment
    payment.account = account_for_charges(payee)
    payment.provider = payment.account.provider
    payment.is_separate = settings.STRIPE_CHARGES == "separate"
    payment.save()
    _enqueue("payments.create", payment)
    return payment


def start_bill_payment(*, bill: FeeBill, card: SavedCard) -> Payment:
    """Create a payment that charges a locked bill of fees to a saved card, in the caller's transaction.

    Raises Conflict (`payment_pending`).
    """
    if standing_payment(bill.pk) is not None:
        raise Conflict(
            _("Another payment for this is not finished yet."), code=PaymentsErrorCode.PAYMENT_PENDING
        )
    payment = Payment.objects.create(
        kind=Payment.Kind.FEE_BILL,
        reference=bill.pk,
        payer_id=bill.seller_id,
        provider=card.provider,
        card=card,
        amount=bill.amount,
        fee=0,
        vat=0,
        currency=bill.currency,
        description=f"Souk Loop fees {bill.month:%Y-%m}",
        created_at=database_now(),
    )
    _enqueue("payments.create", payment)
    return payment


def account_for_charges(seller: User) -> SellerAccount:
    """Return the seller's account that can be paid by card; raises Conflict (`seller_not_paid_by_card`)."""
    account = SellerAccount.objects.filter(
        seller=seller, provider=settings.CARD_PROVIDER, charges_enabled=True
    ).first()
    if account is None:
        raise Conflict(
            _("This seller can't be paid by card."), code=PaymentsErrorCode.SELLER_NOT_PAID_BY_CARD
        )
    return account


def capture_payment(*, payment_id: UUID) -> Payment:
    """Ask for the money of an authorised card payment; a job captures it, and the provider's answer decides.

    A payment that was asked to be captured or given up already is returned as it is. Raises Conflict
    (`payment_not_authorised`).
    """
    with transaction.atomic():
        payment = access.lock_payment(payment_id)
        if payment.capture_asked_at is not None or payment.cancel_asked_at is not None:
            return payment
        if payment.state != State.AUTHORISED or payment.provider == IN_PERSON:
            raise _not_authorised()
        payment.capture_asked_at = database_now()
        payment.save(update_fields=["capture_asked_at"])
        _enqueue("payments.capture", payment)
        return payment


def capture_in_person(*, payment: Payment) -> Payment:
    """Record that the buyer paid the seller at the hand-over; return the locked row.

    Repeating it is harmless. Raises Conflict (`payment_not_authorised`).
    """
    with transaction.atomic():
        payment = access.lock_payment(payment.pk)
        if payment.state == State.CAPTURED:
            return payment
        if payment.state != State.AUTHORISED or payment.provider != IN_PERSON:
            raise _not_authorised()
        move_payment(payment, State.CAPTURED)
        return payment


def cancel_payment(*, payment: Payment) -> Payment:
    """Give up a payment that is not captured; return the locked row. Repeating it is harmless.

    In person it is cancelled at once. By card a job asks the provider, whose answer decides: a payment that
    was captured meanwhile stays captured, which `payment_changed` tells.
    """
    with transaction.atomic():
        payment = access.lock_payment(payment.pk)
        if payment.state not in _OPEN:
            return payment
        if payment.provider == IN_PERSON:
            move_payment(payment, State.CANCELLED)
        elif payment.cancel_asked_at is None:
            payment.cancel_asked_at = database_now()
            payment.save(update_fields=["cancel_asked_at"])
            _enqueue("payments.cancel", payment)
        return payment


def create_at_provider(payment_id: UUID) -> None:
    """Begin a created payment at its provider; called by a job. Raises Unavailable."""
    payment = _load(payment_id)
    if payment.state == State.CREATED:
        _create(payment)


def capture_at_provider(payment_id: UUID) -> None:
    """Capture a payment at its provider, unless it was given up meanwhile; called by a job.

    Raises Unavailable.
    """
    payment = _load(payment_id)
    if payment.state != State.AUTHORISED or payment.capture_asked_at is None or payment.cancel_asked_at:
        return
    its_provider, account = provider(payment.provider), charged_account(payment)
    try:
        with provider_call():
            told = its_provider.capture_payment(
                payment.external_id, account, key=f"payment:{payment.pk}:capture"
            )
    except ProviderRefused as refusal:
        told = fetch(payment)
        if told.state == State.AUTHORISED:
            fail_payment(payment.pk, refusal.code)
            _enqueue("payments.cancel", payment)
            return
    advance_payment(payment.pk, told)


def cancel_at_provider(payment_id: UUID) -> None:
    """Cancel a payment at its provider; called by a job. Raises Unavailable.

    One whose creation was never answered is created first, with the same key: only then is it known what to
    cancel.
    """
    payment = _load(payment_id)
    if payment.state == State.CREATED:
        payment = _create(payment)
    if payment.state == State.CAPTURED or not payment.external_id:
        return
    its_provider, account = provider(payment.provider), charged_account(payment)
    try:
        with provider_call():
            told = its_provider.cancel_payment(
                payment.external_id, account, key=f"payment:{payment.pk}:cancel"
            )
    except ProviderRefused:
        told = fetch(payment)
    advance_payment(payment.pk, told)


def fetch(payment: Payment) -> PaymentState:
    """Return the provider's present state of a payment that it knows. Raises Unavailable, ProviderRefused."""
    with provider_call():
        return provider(payment.provider).fetch_payment(payment.external_id, charged_account(payment))


def _create(payment: Payment) -> Payment:
    """Make the call that creates a payment, and move the payment to the answer."""
    card = payment.card
    request = PaymentRequest(
        key=f"payment:{payment.pk}:create",
        amount=payment.amount,
        fee=payment.fee,
        currency=payment.currency,
        description=payment.description,
        reference=str(payment.pk),
        account=payment.account.external_id if payment.account else "",
        is_separate=payment.is_separate,
        customer=card.external_customer_id if card else "",
        card=card.external_id if card else "",
    )
    try:
        with provider_call():
            told = provider(payment.provider).create_payment(request)
    except ProviderRefused as refusal:
        return fail_payment(payment.pk, refusal.code)
    return advance_payment(payment.pk, told)


def _load(payment_id: UUID) -> Payment:
    return Payment.objects.select_related("account", "card").get(pk=payment_id)


def _enqueue(task: str, payment: Payment) -> None:
    """Enqueue a job about a payment; those of one payment run one after the other, in this order."""
    enqueue(task, lock=f"payment:{payment.pk}", payment_id=str(payment.pk))


def _not_authorised() -> Conflict:
    return Conflict(_("This payment is not authorised."), code=PaymentsErrorCode.PAYMENT_NOT_AUTHORISED)
