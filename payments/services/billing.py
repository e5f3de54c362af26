"""Bills for the fees of sales in person: one a month for each seller, charged to a saved card."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from notifications.models import Notification
from notifications.services.notify import notify
from payments import notification_kinds as kinds
from payments.error_codes import PaymentsErrorCode
from payments.models import EntryLine, FeeBill, FinanceCase, Payment, SavedCard
from payments.selectors import standing_payment, ways_to_be_paid
from payments.selectors.statements import BUSINESS_ZONE, bounds_of
from payments.services import ledger
from payments.services.cases import open_case
from payments.services.payments import start_bill_payment
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, NotFound
from soukloop.core.jobs.queue import enqueue, enqueue_once
from soukloop.core.money import from_fils

if TYPE_CHECKING:
    from accounts.models import User
    from notifications.kinds import Kind

State = FeeBill.State
STANDING = (State.OPEN, State.OVERDUE)
_CLOSED_PAYMENTS = (Payment.State.FAILED, Payment.State.CANCELLED)

# What was owed at the month's end, less what was paid or waived since then and what other bills demand.
_MAKE_BILLS = """
WITH owed AS (
    SELECT line.person_id,
        sum(line.amount) FILTER (WHERE entry.created_at < %(end)s OR line.amount < 0) AS amount
    FROM payments_entryline line JOIN payments_entry entry ON entry.id = line.entry_id
    WHERE line.account = 'fee_debt' GROUP BY line.person_id
), billed AS (
    SELECT seller_id, sum(amount) AS amount FROM payments_feebill
    WHERE state IN ('open', 'overdue') GROUP BY seller_id
)
INSERT INTO payments_feebill
    (id, seller_id, month, amount, currency, state, attempts, due_at, next_attempt_at, created_at)
SELECT gen_random_uuid(), owed.person_id, %(month)s, owed.amount - coalesce(billed.amount, 0), %(currency)s,
    'open', 0, %(due_at)s, %(now)s, %(now)s
FROM owed LEFT JOIN billed ON billed.seller_id = owed.person_id
WHERE owed.amount - coalesce(billed.amount, 0) >= %(minimum)s
ON CONFLICT (seller_id, month) DO NOTHING
RETURNING id"""


def fee_debt(seller: "User | UUID") -> int:
    """Return what a seller owes us for sales in person, in fils; negative if we owe it."""
    return ledger.balance(EntryLine.Account.FEE_DEBT, seller)


def has_debt_limit(seller: "User") -> bool:
    """Return whether a seller owes too much, or too long, to make another sale that is paid in person."""
    return not ways_to_be_paid(seller.pk).in_person


def make_bills(month: date) -> int:
    """Make the bill of a month for each seller who owes fees; return how many were new.

    Sums below FEE_BILL_MIN_FILS wait for the next month. Repeating it, even at the same time, bills nobody
    twice.
    """
    now = database_now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _MAKE_BILLS,
            {
                "month": month,
                "end": bounds_of(month)[1],
                "currency": settings.CURRENCY,
                "minimum": settings.FEE_BILL_MIN_FILS,
                "due_at": now + settings.FEE_BILL_DUE_AFTER,
                "now": now,
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
        for bill in FeeBill.objects.filter(pk__in=ids):
            _notify(bill, kinds.FEE_BILL_MADE)
            enqueue("payments.charge_fee_bill", bill_id=str(bill.pk))
    return len(ids)


def make_bills_of_last_month() -> int:
    """Make the bills of the month before this one, in the time zone of business."""
    today = database_now().astimezone(BUSINESS_ZONE).date()
    return make_bills((today.replace(day=1) - timedelta(days=1)).replace(day=1))


def enqueue_due_charges() -> int:
    """Enqueue charging the open bills whose time has come; return how many."""
    due = FeeBill.objects.filter(state=State.OPEN, next_attempt_at__lte=database_now())
    ids = [str(pk) for pk in due.values_list("pk", flat=True)]
    return sum(enqueue_once("payments.charge_fee_bill", bill_id=bill_id) for bill_id in ids)


@transaction.atomic
def charge_bill(bill_id: UUID) -> None:
    """Charge an open bill to its seller's card if its time has come; called by a job.

    Without a card, the seller is asked to save one until the bill is due, and then it is overdue.
    """
    bill = _lock(bill_id)
    now = database_now()
    if bill.state != State.OPEN or bill.next_attempt_at is None or bill.next_attempt_at > now:
        return
    if standing_payment(bill.pk) is not None or not _still_owed(bill, now):
        return
    card = _card_of(bill.seller_id)
    if card is not None:
        _charge(bill, card, now)
    elif now >= bill.due_at:
        _make_overdue(bill)
    else:
        bill.next_attempt_at = min(now + settings.FEE_BILL_RETRY_AFTER, bill.due_at)
        bill.save(update_fields=["next_attempt_at"])
        _notify(bill, kinds.FEE_CARD_NEEDED)


@transaction.atomic
def pay_bill(*, actor: "User", bill_id: UUID) -> FeeBill:
    """Charge the actor's own open or overdue bill to their saved card now.

    Raises NotFound, and Conflict (`fee_bill_closed`, `payment_pending`, `card_required`).
    """
    if not FeeBill.objects.filter(pk=bill_id, seller=actor).exists():
        raise NotFound
    bill, now = _lock(bill_id), database_now()
    if bill.state not in STANDING or not _still_owed(bill, now):
        raise Conflict(_("Nothing is to be paid for this bill."), code=PaymentsErrorCode.FEE_BILL_CLOSED)
    card = _card_of(bill.seller_id)
    if card is None:
        raise Conflict(_("Save a card first."), code=PaymentsErrorCode.CARD_REQUIRED)
    _charge(bill, card, now)
    return bill


def bill_payment_changed(payment: Payment, previous: str) -> None:
    """Close the bill that a payment has paid, or plan the next attempt if it failed; the bill is locked."""
    if payment.kind != Payment.Kind.FEE_BILL:
        return
    bill, now = _lock(payment.reference), database_now()
    if payment.state == Payment.State.CAPTURED:
        bill.state, bill.closed_at, bill.next_attempt_at = State.PAID, now, None
        bill.save()
        _notify(bill, kinds.FEE_BILL_PAID)
    elif payment.state in _CLOSED_PAYMENTS and bill.state in STANDING:
        if bill.state == State.OPEN and bill.attempts < settings.FEE_BILL_ATTEMPTS_MAX:
            _notify(bill, kinds.FEE_BILL_FAILED)
        else:
            _make_overdue(bill)


@transaction.atomic
def ask_for_cards() -> int:
    """Ask the sellers who owe fees and have no card to save one before the bill; return how many."""
    asked = Notification.objects.filter(
        kind=kinds.FEE_CARD_NEEDED.name, created_at__gt=database_now() - timedelta(days=1)
    )  # by an earlier run of this job
    debtors = (
        EntryLine.objects.filter(account=EntryLine.Account.FEE_DEBT)
        .values("person")
        .annotate(sum=Sum("amount"))
        .filter(sum__gte=settings.FEE_BILL_MIN_FILS)
        .exclude(person__in=_cards().values("user"))
        .exclude(person__in=asked.values("user"))
        .values_list("person", "sum")
    )
    for person_id, amount in debtors:
        _notify_person(person_id, amount, settings.CURRENCY, kinds.FEE_CARD_NEEDED)
    return len(debtors)


def _lock(bill_id: UUID) -> FeeBill:
    return FeeBill.objects.select_for_update(no_key=True).get(pk=bill_id)


def _still_owed(bill: FeeBill, now: datetime) -> bool:
    """Lower a locked bill to what is still owed, and close it if that is nothing.

    A sale may have been undone since the bill was made, which waives its fee.
    """
    earlier = FeeBill.objects.filter(seller=bill.seller_id, state__in=STANDING, month__lt=bill.month)
    owed = fee_debt(bill.seller_id) - sum(earlier.values_list("amount", flat=True))
    if owed >= bill.amount:
        return True
    if owed > 0:
        bill.amount = owed
        bill.save(update_fields=["amount"])
        return True
    bill.state, bill.closed_at, bill.next_attempt_at = State.WAIVED, now, None
    bill.save()
    return False


def _charge(bill: FeeBill, card: SavedCard, now: datetime) -> None:
    start_bill_payment(bill=bill, card=card)
    bill.attempts += 1
    bill.next_attempt_at = now + settings.FEE_BILL_RETRY_AFTER if bill.state == State.OPEN else None
    bill.save(update_fields=["attempts", "next_attempt_at"])


def _make_overdue(bill: FeeBill) -> None:
    bill.state, bill.next_attempt_at = State.OVERDUE, None
    bill.save(update_fields=["state", "next_attempt_at"])
    _notify(bill, kinds.FEE_BILL_OVERDUE)
    open_case(
        kind=FinanceCase.Kind.FEE_BILL_OVERDUE,
        key=f"fee_bill:{bill.pk}",
        ours={"amount": bill.amount, "month": bill.month.isoformat(), "attempts": bill.attempts},
        person=bill.seller,
    )


def _cards() -> QuerySet[SavedCard]:
    return SavedCard.objects.filter(provider=settings.CARD_PROVIDER, saved_at__isnull=False).exclude(
        external_id=""
    )


def _card_of(seller_id: UUID) -> SavedCard | None:
    return _cards().filter(user=seller_id).first()


def _notify(bill: FeeBill, kind: "Kind") -> None:
    _notify_person(bill.seller_id, bill.amount, bill.currency, kind)


def _notify_person(person_id: UUID, amount: int, currency: str, kind: "Kind") -> None:
    notify(
        user_ids=[person_id],
        kind=kind,
        params={"price": {"amount": str(from_fils(amount)), "currency": currency}},
        data={},
    )
