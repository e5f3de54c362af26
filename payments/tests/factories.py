"""Factories of payments and what belongs to them.

The `make_…` write rows alone, without the ledger; the `start_…` call the services.
"""

import itertools
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_seller, make_user
from payments import fees
from payments.models import Chargeback, Payment, Payout, Refund, SellerAccount
from payments.services import ledger
from payments.services.payments import start_payment

_numbers = itertools.count(1)


def external_id(prefix: str) -> str:
    return f"{prefix}_{next(_numbers)}"


def make_account(seller: User | None = None, **fields: Any) -> SellerAccount:
    """Save a seller's account at the sandbox that may be paid and pays out, or return the one there is."""
    defaults = {
        "external_id": external_id("acct"),
        "charges_enabled": True,
        "payouts_enabled": True,
        "created_at": timezone.now(),
    } | fields
    account, _ = SellerAccount.objects.get_or_create(
        seller=seller or make_seller(), provider=fields.pop("provider", "sandbox"), defaults=defaults
    )
    return account


def make_payment(
    *, amount: int = 85_000, fee: int = 4_250, payee: User | None = None, **fields: Any
) -> Payment:
    """Save a captured payment by card of 850.00 to a seller, at a fee of 42.50."""
    now: datetime = timezone.now()
    values: dict[str, Any] = {
        "kind": Payment.Kind.SALE,
        "reference": uuid.uuid4(),
        "provider": "sandbox",
        "amount": amount,
        "fee": fee,
        "vat": fees.vat_within(fee),
        "description": "A chair",
        "state": Payment.State.CAPTURED,
        "created_at": now,
        "authorised_at": now,
        "captured_at": now,
    } | fields
    if values["provider"] != fees.IN_PERSON:
        values.setdefault("external_id", external_id("pay"))
    if values["kind"] == Payment.Kind.SALE:
        values["payee"] = payee or make_seller()
        if values["provider"] != fees.IN_PERSON:
            values.setdefault("account", make_account(values["payee"]))
    values.setdefault("payer", None)
    values["payer"] = values["payer"] or make_user()
    return Payment.objects.create(**values)


def make_refund(payment: Payment, amount: int, **fields: Any) -> Refund:
    """Save a succeeded refund and count it in its payment."""
    now = timezone.now()
    values: dict[str, Any] = {
        "reason": Refund.Reason.GOODWILL,
        "state": Refund.State.SUCCEEDED,
        "external_id": external_id("re"),
        "created_at": now,
        "closed_at": now,
    } | fields
    refund = Refund.objects.create(payment=payment, amount=amount, **values)
    if refund.state == Refund.State.SUCCEEDED:
        payment.refunded += amount
        payment.save(update_fields=["refunded"])
    return refund


def make_chargeback(payment: Payment, amount: int, **fields: Any) -> Chargeback:
    """Save a chargeback that is not decided."""
    values: dict[str, Any] = {"external_id": external_id("dp"), "created_at": timezone.now()} | fields
    return Chargeback.objects.create(payment=payment, amount=amount, **values)


def make_payout(seller: User, amount: int, **fields: Any) -> Payout:
    """Save a payout that was only requested."""
    return Payout.objects.create(
        seller=seller,
        account=fields.pop("account", None) or make_account(seller),
        amount=amount,
        **{"created_at": timezone.now()} | fields,
    )


def start_card_payment(
    *, amount: str = "850.00", fee: str = "42.50", seller: User | None = None, payer: User | None = None
) -> Payment:
    """Start a payment by card of 850.00 through the card provider of the settings, with the service."""
    seller = seller or make_seller()
    make_account(seller, provider=settings.CARD_PROVIDER)
    return start_payment(
        reference=uuid.uuid4(),
        payer=payer or make_user(),
        payee=seller,
        amount=Decimal(amount),
        fee=Decimal(fee),
        method="card",
        description="A chair",
    )


def start_in_person_payment(*, amount: str = "850.00", fee: str = "42.50", **people: User) -> Payment:
    """Start a payment in person of 850.00, with the service."""
    return start_payment(
        reference=uuid.uuid4(),
        payer=people.get("payer") or make_user(),
        payee=people.get("seller") or make_seller(),
        amount=Decimal(amount),
        fee=Decimal(fee),
        method="in_person",
        description="A chair",
    )


def make_captured_sale(**fields: Any) -> Payment:
    """Save a sale of 850.00 that was paid in person, with its entry in the ledger."""
    payment = make_payment(provider=fees.IN_PERSON, **fields)
    ledger.post_hand_over_fee(payment)
    return payment
