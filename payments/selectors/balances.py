"""Reads of a seller's money: balances, payouts, bills of fees."""

from typing import NamedTuple

from django.db.models import QuerySet, Sum

from accounts.models import User
from payments.models import EntryLine, FeeBill, Payout

Account = EntryLine.Account


class Balance(NamedTuple):
    """A seller's money in fils; none is negative."""

    pending: int
    """Of sales that are not completed."""
    available: int
    """Sent to the bank next."""
    on_its_way: int
    debt: int
    """Fees of sales in person, and refunds that were more than the seller had."""


def balance_of(user: User) -> Balance:
    """Return what a seller has and owes."""
    lines = EntryLine.objects.filter(
        account__in=(
            Account.SELLER_PENDING,
            Account.SELLER_AVAILABLE,
            Account.SELLER_ON_ITS_WAY,
            Account.FEE_DEBT,
        ),
        person=user,
    )
    sums: dict[str, int] = dict(lines.values_list("account").annotate(total=Sum("amount")))
    pending, available, on_its_way = (
        -sums.get(account, 0)
        for account in (Account.SELLER_PENDING, Account.SELLER_AVAILABLE, Account.SELLER_ON_ITS_WAY)
    )
    return Balance(
        pending=max(pending, 0),
        available=max(available, 0),
        on_its_way=max(on_its_way, 0),
        debt=max(sums.get(Account.FEE_DEBT, 0), 0) + max(-pending, 0) + max(-available, 0),
    )


def payouts_of(user: User) -> QuerySet[Payout]:
    """Return a seller's payouts, newest first."""
    return Payout.objects.filter(seller=user).order_by("-created_at", "-pk")


def fee_bills_of(user: User) -> QuerySet[FeeBill]:
    """Return a seller's bills of fees, newest first."""
    return FeeBill.objects.filter(seller=user).order_by("-month")
