"""What a person has to settle with us, or we with them, before the account can be deleted."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from accounts.hooks import AccountObligation
from accounts.models import User
from payments.models import Chargeback, EntryLine, FeeBill, Refund
from payments.selectors.payments import OPEN_REFUNDS
from soukloop.core.errors import Text
from soukloop.core.money import from_fils, price_display

_Account = EntryLine.Account
_OURS = (_Account.SELLER_PENDING, _Account.SELLER_AVAILABLE, _Account.SELLER_ON_ITS_WAY)


def obligations_of(user: User) -> list[AccountObligation]:
    """Return the person's money, debts, bills, refunds and chargebacks that are not settled.

    Amounts that are never billed or paid out by themselves, because they are too small, are no obstacle.
    """
    return [AccountObligation(kind, text, count) for kind, text, count in _obligations(user) if count]


def _obligations(user: User) -> Iterator[tuple[str, Text, int]]:
    sums: dict[str, int] = dict(
        EntryLine.objects.filter(person=user).values_list("account").annotate(sum=Sum("amount"))
    )
    debt, available = sums.get(_Account.FEE_DEBT, 0), sums.get(_Account.SELLER_AVAILABLE, 0)
    yield (
        "fee_debt",
        _("You owe fees of %(amount)s") % {"amount": _shown(debt)},
        int(debt >= settings.FEE_BILL_MIN_FILS),
    )
    text: Text = _("You owe %(amount)s for refunds of your sales") % {"amount": _shown(available)}
    yield "negative_balance", text, int(available > 0)
    credit = -sum(min(sums.get(account, 0), 0) for account in _OURS)
    text = _("%(amount)s of your sales have not arrived at your bank yet") % {"amount": _shown(credit)}
    yield "money_on_its_way", text, int(credit >= settings.PAYOUT_MIN_FILS)
    count = FeeBill.objects.filter(seller=user, state__in=[FeeBill.State.OPEN, FeeBill.State.OVERDUE]).count()
    text = ngettext_lazy("%(count)d bill of fees is not paid", "%(count)d bills of fees are not paid", count)
    yield "fee_bills", text % {"count": count}, count
    of_user = Q(payment__payer=user) | Q(payment__payee=user)
    count = Refund.objects.filter(of_user, state__in=OPEN_REFUNDS).count()
    text = ngettext_lazy("%(count)d refund is not finished", "%(count)d refunds are not finished", count)
    yield "open_refunds", text % {"count": count}, count
    count = Chargeback.objects.filter(of_user, state=Chargeback.State.OPEN).count()
    text = ngettext_lazy(
        "A bank has not decided about %(count)d payment",
        "Banks have not decided about %(count)d payments",
        count,
    )
    yield "open_chargebacks", text % {"count": count}, count


def _shown(fils: int) -> str:
    return price_display(from_fils(fils), settings.CURRENCY)
