"""The ledger: one function per business event, which posts an entry whose lines sum to zero.

Each is called in the transaction of the change that it records, with the payment or payout locked, after that
change was written to the row. Each posts once: a second call with the same row does nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from payments import fees
from payments.models import Chargeback, Entry, EntryLine, Payment, Payout, Refund
from payments.providers.base import Movement
from payments.services.documents import enqueue_documents
from soukloop.core.db.clock import database_now

if TYPE_CHECKING:
    from accounts.models import User

Account = EntryLine.Account
Kind = Entry.Kind
Line = tuple[Account, UUID | None, int]
_FEE_ACCOUNTS = {Account.FEES, Account.VAT}
_INVOICED_WITH_THE_RECEIPT = (Kind.CHARGE, Kind.HAND_OVER_FEE)  # by the job of the captured payment

_POST = """
WITH entry AS (
    INSERT INTO payments_entry (kind, key, payment_id, payout_id, note, actor_id, created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id, transaction_id
), line AS (
    INSERT INTO payments_entryline (entry_id, account, person_id, amount)
    SELECT entry.id, account, person_id, amount FROM entry,
        unnest(%s::text[], %s::uuid[], %s::bigint[]) WITH ORDINALITY AS new (account, person_id, amount, n)
    ORDER BY n
)
SELECT id, transaction_id FROM entry"""


def post(
    *,
    kind: Kind,
    key: str,
    lines: Sequence[Line],
    payment: Payment | None = None,
    payout: Payout | None = None,
    now: datetime | None = None,
    actor: "User | None" = None,
    note: str = "",
) -> Entry | None:
    """Write an entry; positive amounts are debits, and lines of zero are left out.

    Returns None if an entry with this key exists, or if all lines are zero. Raises ValueError if the lines
    don't sum to zero, which PostgreSQL would refuse at the commit.
    """
    kept = [line for line in lines if line[2]]
    if sum(amount for _account, _person, amount in kept):
        raise ValueError(f"The lines of {key} add up to {sum(line[2] for line in kept)} fils")
    if not kept:
        return None
    entry = Entry(kind=kind, key=key, payment=payment, payout=payout, actor=actor, note=note)
    entry.created_at = now or database_now()
    accounts, people, amounts = zip(*kept, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _POST,
            [
                *(entry.kind, key, entry.payment_id, entry.payout_id, note, entry.actor_id, entry.created_at),
                *([str(account) for account in accounts], list(people), list(amounts)),
            ],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    entry.pk, entry.transaction_id = row
    entry._state.adding, entry._state.db = False, connection.alias
    if payment is not None and kind not in _INVOICED_WITH_THE_RECEIPT and _FEE_ACCOUNTS & set(accounts):
        enqueue_documents(payment)
    return entry


def balance(account: Account | str, person: "User | UUID | None" = None) -> int:
    """Return the sum of an account in fils, of one person where each has their own; a credit is negative."""
    person_id = getattr(person, "pk", person)
    lines = EntryLine.objects.filter(account=account, person_id=person_id)
    return lines.aggregate(total=Sum("amount"))["total"] or 0


def post_charge(payment: Payment) -> Entry | None:
    """Post a captured payment by card: what the provider now holds, and whose it is."""
    parts = fees.parts_of(payment.amount, payment.fee, payment.vat)
    return post(
        kind=Kind.CHARGE,
        key=f"charge:{payment.pk}",
        lines=[
            (Account.BUYERS_CHARGES, None, -payment.amount),
            (Account.PROVIDER_CLEARING, None, payment.amount),
            (Account.BUYERS_CHARGES, None, payment.amount),
            (Account.SELLER_PENDING, payment.payee_id, -parts.share),
            (Account.FEES, None, -parts.net),
            (Account.VAT, None, -parts.vat),
        ],
        payment=payment,
    )


def post_hand_over_fee(payment: Payment) -> Entry | None:
    """Post the fee of a sale that was paid in person, which its seller now owes."""
    parts = fees.parts_of(payment.amount, payment.fee, payment.vat)
    return post(
        kind=Kind.HAND_OVER_FEE,
        key=f"hand_over_fee:{payment.pk}",
        lines=[
            (Account.FEE_DEBT, payment.payee_id, parts.fee),
            (Account.FEES, None, -parts.net),
            (Account.VAT, None, -parts.vat),
        ],
        payment=payment,
    )


def post_fee_paid(payment: Payment) -> Entry | None:
    """Post a captured payment of a bill of fees: the seller owes that much less."""
    return post(
        kind=Kind.FEE_PAID,
        key=f"fee_paid:{payment.pk}",
        lines=[
            (Account.PROVIDER_CLEARING, None, payment.amount),
            (Account.FEE_DEBT, payment.payer_id, -payment.amount),
        ],
        payment=payment,
    )


def post_release(payment: Payment) -> Entry | None:
    """Post that what is left of the seller's share may be sent to their bank."""
    left = _posted(payment)[Account.SELLER_PENDING]
    return post(
        kind=Kind.RELEASE,
        key=f"release:{payment.pk}",
        lines=[
            (Account.SELLER_PENDING, payment.payee_id, -left),
            (Account.SELLER_AVAILABLE, payment.payee_id, left),
        ],
        payment=payment,
    )


def post_refund(refund: Refund) -> Entry | None:
    """Post a succeeded refund; `refund.payment.refunded` includes it already.

    Of a sale paid in person, only our fee is given back, in proportion.
    """
    payment = refund.payment
    if payment.provider == fees.IN_PERSON:
        return post(
            kind=Kind.FEE_WAIVED, key=f"fee_waived:{refund.pk}", lines=_fee_waived(payment), payment=payment
        )
    return post(
        kind=Kind.REFUND,
        key=f"refund:{refund.pk}",
        lines=[
            (Account.REFUNDS, None, refund.amount),
            (Account.PROVIDER_CLEARING, None, -refund.amount),
            *_given_back(payment, refund.amount),
            (Account.REFUNDS, None, -refund.amount),
        ],
        payment=payment,
    )


def post_refund_returned(refund: Refund) -> Entry | None:
    """Post that the money of a succeeded refund came back; `refund.payment.refunded` is without it again."""
    payment = refund.payment
    return post(
        kind=Kind.REFUND_RETURNED,
        key=f"refund_returned:{refund.pk}",
        lines=[
            (Account.REFUNDS, None, -refund.amount),
            (Account.PROVIDER_CLEARING, None, refund.amount),
            *_given_back(payment, -refund.amount),
            (Account.REFUNDS, None, refund.amount),
        ],
        payment=payment,
    )


def post_chargeback(chargeback: Chargeback) -> Entry | None:
    """Post that a bank has taken a payment back, and that this is not decided yet."""
    return post(
        kind=Kind.CHARGEBACK,
        key=f"chargeback:{chargeback.pk}",
        lines=[
            (Account.DISPUTES, None, chargeback.amount),
            (Account.PROVIDER_CLEARING, None, -chargeback.amount),
        ],
        payment=chargeback.payment,
    )


def post_chargeback_lost(chargeback: Chargeback) -> Entry | None:
    """Post a lost chargeback, a refund by the bank; `chargeback.payment.refunded` includes it already.

    If it had been won before, the bank takes the money once more.
    """
    payment, amount = chargeback.payment, chargeback.amount
    post_chargeback(chargeback)  # a bank may decide before we hear that it asks
    decided = _decisions(chargeback)
    if decided and decided[-1] == Kind.CHARGEBACK_LOST:
        return None
    source = Account.PROVIDER_CLEARING if decided else Account.DISPUTES
    return post(
        kind=Kind.CHARGEBACK_LOST,
        key=f"chargeback_lost:{chargeback.pk}:{len(decided) + 1}",
        lines=[(source, None, -amount), *_given_back(payment, amount)],
        payment=payment,
    )


def post_chargeback_won(chargeback: Chargeback) -> Entry | None:
    """Post a won chargeback: the money is back. If it had been lost before, the seller's share is, too."""
    payment, amount = chargeback.payment, chargeback.amount
    post_chargeback(chargeback)  # a bank may decide before we hear that it asks
    decided = _decisions(chargeback)
    if decided and decided[-1] == Kind.CHARGEBACK_WON:
        return None
    target = _given_back(payment, -amount) if decided else [(Account.DISPUTES, None, -amount)]
    return post(
        kind=Kind.CHARGEBACK_WON,
        key=f"chargeback_won:{chargeback.pk}:{len(decided) + 1}",
        lines=[(Account.PROVIDER_CLEARING, None, amount), *target],
        payment=payment,
    )


def post_payout(payout: Payout) -> Entry | None:
    """Post that a payout was requested: it can't be sent a second time."""
    return post(
        kind=Kind.PAYOUT,
        key=f"payout:{payout.pk}",
        lines=[
            (Account.SELLER_AVAILABLE, payout.seller_id, payout.amount),
            (Account.SELLER_ON_ITS_WAY, payout.seller_id, -payout.amount),
        ],
        payout=payout,
    )


def post_payout_paid(payout: Payout) -> Entry | None:
    """Post that a payout has arrived at the seller's bank."""
    return post(
        kind=Kind.PAYOUT_PAID,
        key=f"payout_paid:{payout.pk}",
        lines=[
            (Account.SELLER_ON_ITS_WAY, payout.seller_id, payout.amount),
            (Account.PROVIDER_CLEARING, None, -payout.amount),
        ],
        payout=payout,
    )


def post_payout_returned(payout: Payout) -> Entry | None:
    """Post that a payout failed, before it was paid or after, and is available again."""
    was_paid = Entry.objects.filter(key=f"payout_paid:{payout.pk}").exists()
    source = (
        (Account.PROVIDER_CLEARING, None, payout.amount)
        if was_paid
        else (Account.SELLER_ON_ITS_WAY, payout.seller_id, payout.amount)
    )
    return post(
        kind=Kind.PAYOUT_RETURNED,
        key=f"payout_returned:{payout.pk}",
        lines=[source, (Account.SELLER_AVAILABLE, payout.seller_id, -payout.amount)],
        payout=payout,
    )


def post_provider_fee(payment: Payment | None, movement: Movement) -> Entry | None:
    """Post what the provider kept of a movement; negative if it gave a fee back."""
    return post(
        kind=Kind.PROVIDER_FEE,
        key=f"provider_fee:{movement.external_id}"[:80],
        lines=[
            (Account.PROVIDER_FEES, None, movement.fee),
            (Account.PROVIDER_CLEARING, None, -movement.fee),
        ],
        payment=payment,
    )


def _given_back(payment: Payment, amount: int) -> list[Line]:
    """Return who gives back `amount` of a payment, negative for who gets it again.

    Our fee becomes what `payment.refunded` demands, whatever was posted before: the sums never depend on the
    order in which refunds succeed and fail. The rest is the seller's. A bill's payer owes it again.
    """
    if payment.kind == Payment.Kind.FEE_BILL:
        return [(Account.FEE_DEBT, payment.payer_id, amount)]
    net, vat = _fee_changes(payment)
    account = Account.SELLER_AVAILABLE if payment.released_at else Account.SELLER_PENDING
    return [
        (account, payment.payee_id, amount - net - vat),
        (Account.FEES, None, net),
        (Account.VAT, None, vat),
    ]


def _fee_waived(payment: Payment) -> list[Line]:
    net, vat = _fee_changes(payment)
    return [
        (Account.FEE_DEBT, payment.payee_id, -net - vat),
        (Account.FEES, None, net),
        (Account.VAT, None, vat),
    ]


def _fee_changes(payment: Payment) -> tuple[int, int]:
    posted = _posted(payment)
    due = fees.parts_of(payment.amount, payment.fee, payment.vat, returned=payment.refunded)
    return -due.net - posted[Account.FEES], -due.vat - posted[Account.VAT]


def _posted(payment: Payment) -> dict[str, int]:
    """Return the sums of a payment's lines by account."""
    lines = EntryLine.objects.filter(entry__payment=payment)
    sums = lines.values_list("account").annotate(total=Sum("amount"))
    return dict.fromkeys(Account.values, 0) | dict(sums)


def _decisions(chargeback: Chargeback) -> list[str]:
    """Return the kinds of the entries that decided a chargeback, the oldest first."""
    kinds = (Kind.CHARGEBACK_WON, Kind.CHARGEBACK_LOST)
    keys = [f"{kind}:{chargeback.pk}:" for kind in kinds]
    entries = Entry.objects.filter(payment=chargeback.payment, kind__in=kinds).order_by("pk")
    return [kind for kind, key in entries.values_list("kind", "key") if key.startswith(tuple(keys))]
