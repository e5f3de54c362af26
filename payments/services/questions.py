"""Asking a provider for the present state of an object, and moving our row forward to the answer."""

from collections.abc import Callable, Mapping
from uuid import UUID, uuid4

from django.db import transaction

from payments import access
from payments.models import (
    FinanceCase,
    Payment,
    Payout,
    Refund,
    SavedCard,
    SellerAccount,
    Transfer,
)
from payments.providers import provider, provider_call
from payments.providers.base import PayoutState, RefundState
from payments.selectors import fee_given_back, refundable
from payments.services import advance
from payments.services.cases import open_case
from soukloop.core.db.clock import database_now


def ask(subject: str, name: str, external_id: str, account: str) -> bool:
    """Ask a provider about one of its objects and advance our row; return False if it is not about ours.

    Our row is found by the provider's id or, if the answer to the call that made the object was lost or has
    not come yet, by our own id, which the provider keeps. Raises Unavailable, ProviderRefused.
    """
    question = _QUESTIONS.get(subject)
    return question is not None and question(name, external_id, account)


def _payment(name: str, external_id: str, account: str) -> bool:
    with provider_call():
        told = provider(name).fetch_payment(external_id, account)
    ours = Payment.objects.filter(provider=name)
    payment_id = (
        ours.filter(external_id=external_id).values_list("pk", flat=True).first()
        or ours.filter(pk=_uuid(told.reference)).values_list("pk", flat=True).first()
    )
    if payment_id is None:
        return False
    advance.advance_payment(payment_id, told)
    return True


def _refund(name: str, external_id: str, account: str) -> bool:
    with provider_call():
        told = provider(name).fetch_refund(external_id, account)
    ours = Refund.objects.filter(payment__provider=name)
    refund_id = (
        ours.filter(external_id=external_id).values_list("pk", flat=True).first()
        or ours.filter(pk=_uuid(told.reference)).values_list("pk", flat=True).first()
    )
    if refund_id is None:
        return _record_refund(name, told)
    advance.advance_refund(refund_id, told)
    return True


def _record_refund(name: str, told: RefundState) -> bool:
    """Record a refund that was made at the provider itself, and tell finance; False if it is not of ours.

    Row and state are written in one transaction: no refund that the provider has made is ever `requested`
    with us, for that would be made once more.
    """
    payment = Payment.objects.filter(provider=name, external_id=told.payment).exclude(external_id="").first()
    if payment is None or told.reference:
        return False
    with transaction.atomic():
        payment = access.lock_payment(payment.pk)
        earlier = Refund.objects.filter(external_id=told.external_id).first()
        if earlier is not None:
            advance.advance_refund(earlier.pk, told)
            return True
        left = refundable(payment)
        open_case(
            kind=FinanceCase.Kind.DIFFERENCE,
            key=f"refund:{told.external_id}",
            ours={"left": left, "currency": payment.currency},
            theirs={"amount": told.amount, "currency": told.currency, "state": told.state},
            person=payment.payer,
            payment=payment,
        )
        if not 0 < told.amount <= left or told.currency != payment.currency:
            return False
        refund_id = uuid4()
        refund = Refund.objects.create(
            id=refund_id,
            payment=payment,
            amount=told.amount,
            fee=fee_given_back(payment, told.amount, besides=refund_id),
            reason=Refund.Reason.GOODWILL,
            note="Made at the provider",
            external_id=told.external_id,
            created_at=database_now(),
        )
        advance.advance_refund(refund.pk, told)
        return True


def _chargeback(name: str, external_id: str, account: str) -> bool:
    with provider_call():
        told = provider(name).fetch_chargeback(external_id, account)
    payment = Payment.objects.filter(provider=name, external_id=told.payment).exclude(external_id="").first()
    if payment is None:
        return False
    advance.advance_chargeback(payment, told)
    return True


def _payout(name: str, external_id: str, account: str) -> bool:
    with provider_call():
        told = provider(name).fetch_payout(external_id, account)
    ours = Payout.objects.filter(account__provider=name)
    payout_id = (
        ours.filter(external_id=external_id).values_list("pk", flat=True).first()
        or ours.filter(pk=_uuid(told.reference)).values_list("pk", flat=True).first()
    )
    if payout_id is None:
        return _report_foreign_payout(name, told)
    advance.advance_payout(payout_id, told)
    return True


def _report_foreign_payout(name: str, told: PayoutState) -> bool:
    """Open a case for a payout that was made at the provider itself; return whether its account is ours."""
    account = (
        SellerAccount.objects.filter(provider=name, external_id=told.account).exclude(external_id="").first()
    )
    if account is None:
        return False
    with transaction.atomic():
        open_case(
            kind=FinanceCase.Kind.DIFFERENCE,
            key=f"payout:{told.external_id}",
            ours={},
            theirs={"amount": told.amount, "currency": told.currency, "state": told.state},
            person=account.seller,
        )
    return True


def _transfer(name: str, external_id: str, account: str) -> bool:
    with provider_call():
        told = provider(name).fetch_transfer(external_id)
    ours = Transfer.objects.filter(payment__provider=name)
    transfer_id = (
        ours.filter(external_id=external_id).values_list("pk", flat=True).first()
        or ours.filter(pk=_uuid(told.reference)).values_list("pk", flat=True).first()
    )
    if transfer_id is None:
        return False
    advance.advance_transfer(transfer_id, told)
    return True


def _account(name: str, external_id: str, account: str) -> bool:
    ours = SellerAccount.objects.filter(provider=name, external_id=external_id).exclude(external_id="")
    account_id = ours.values_list("pk", flat=True).first()
    if account_id is None:
        return False
    with provider_call():
        told = provider(name).fetch_account(external_id)
    advance.advance_account(account_id, told)
    return True


def _card_setup(name: str, external_id: str, account: str) -> bool:
    ours = SavedCard.objects.filter(provider=name, external_setup_id=external_id).exclude(
        external_setup_id=""
    )
    card_id = ours.values_list("pk", flat=True).first()
    if card_id is None:
        return False
    with provider_call():
        told = provider(name).fetch_card_setup(external_id)
    advance.advance_card_setup(card_id, told)
    return True


_QUESTIONS: Mapping[str, Callable[[str, str, str], bool]] = {
    "payment": _payment,
    "refund": _refund,
    "chargeback": _chargeback,
    "payout": _payout,
    "transfer": _transfer,
    "account": _account,
    "card_setup": _card_setup,
}


def _uuid(text: str) -> UUID:
    """Return the id that a reference is; one that no row has if it is none of ours."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
