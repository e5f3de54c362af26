"""The shapes of a seller's money in answers."""

from datetime import date
from typing import Any

from django.conf import settings
from rest_framework import serializers

from payments.models import FeeBill, Payout
from payments.selectors.balances import Balance
from soukloop.core.http.pagination import PageOutput
from soukloop.core.money import PRICE_DISPLAY, from_fils, price_display

MONTH = "%Y-%m"


class BalanceOutput(serializers.Serializer[Any]):
    """A seller's money at the card provider, and what the seller owes us; no amount is negative."""

    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    pending = serializers.FloatField(help_text="Your share of sales by card that are not completed")
    pending_display = serializers.CharField(help_text=PRICE_DISPLAY)
    available = serializers.FloatField(help_text="Sent to your bank next")
    available_display = serializers.CharField(help_text=PRICE_DISPLAY)
    on_its_way = serializers.FloatField(help_text="Sent, and not yet at your bank")
    on_its_way_display = serializers.CharField(help_text=PRICE_DISPLAY)
    debt = serializers.FloatField(
        help_text="Fees of sales in person, and refunds that were more than your available balance"
    )
    debt_display = serializers.CharField(help_text=PRICE_DISPLAY)


class PayoutOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    amount = serializers.FloatField()
    amount_display = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    state = serializers.ChoiceField(choices=Payout.State.choices)
    failure_code = serializers.CharField(
        allow_null=True, help_text="Why your bank did not take it, in the provider's words"
    )
    arrives_on = serializers.DateField(allow_null=True, help_text="When your bank should have it")
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True, help_text="When it was paid or failed")


class PayoutPageOutput(PageOutput):
    items = PayoutOutput(many=True)


class FeeBillOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    month = serializers.RegexField(r"^\d{4}-\d{2}$", help_text="Whose sales in person it is for")
    amount = serializers.FloatField()
    amount_display = serializers.CharField(help_text=PRICE_DISPLAY)
    currency = serializers.ChoiceField(choices=settings.CURRENCIES)
    state = serializers.ChoiceField(choices=FeeBill.State.choices)
    attempts = serializers.IntegerField(help_text="How often your card was charged for it")
    due_at = serializers.DateTimeField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class FeeBillPageOutput(PageOutput):
    items = FeeBillOutput(many=True)


class StatementOutput(serializers.Serializer[Any]):
    month = serializers.RegexField(r"^\d{4}-\d{2}$")
    url = serializers.CharField(help_text="The statement as CSV; send your token with it")


class StatementsOutput(serializers.Serializer[Any]):
    items = StatementOutput(many=True)


def balance_body(balance: Balance) -> dict[str, Any]:
    """Return a balance as `BalanceOutput`."""
    currency = settings.CURRENCY
    body: dict[str, Any] = {"currency": currency}
    for name, fils in balance._asdict().items():
        body |= {name: from_fils(fils), f"{name}_display": price_display(from_fils(fils), currency)}
    return body


def payout_body(payout: Payout) -> dict[str, Any]:
    """Return a payout as `PayoutOutput`."""
    return {
        "id": payout.pk,
        **_amount(payout.amount, payout.currency),
        "state": payout.state,
        "failure_code": payout.failure_code or None,
        "arrives_on": payout.arrives_on,
        "created_at": payout.created_at,
        "closed_at": payout.closed_at,
    }


def fee_bill_body(bill: FeeBill) -> dict[str, Any]:
    """Return a bill of fees as `FeeBillOutput`."""
    return {
        "id": bill.pk,
        "month": bill.month.strftime(MONTH),
        **_amount(bill.amount, bill.currency),
        "state": bill.state,
        "attempts": bill.attempts,
        "due_at": bill.due_at,
        "next_attempt_at": bill.next_attempt_at,
        "created_at": bill.created_at,
        "closed_at": bill.closed_at,
    }


def statement_body(month: date) -> dict[str, str]:
    """Return where a month's statement is, as `StatementOutput`."""
    name = month.strftime(MONTH)
    return {"month": name, "url": f"/api/v1/statements/{name}.csv"}


def _amount(fils: int, currency: str) -> dict[str, Any]:
    amount = from_fils(fils)
    return {"amount": amount, "amount_display": price_display(amount, currency), "currency": currency}
