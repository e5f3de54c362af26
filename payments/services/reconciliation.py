"""The nightly comparison of our rows with the providers' own lists of movements."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from payments.models import (
    FinanceCase,
    Payment,
    Payout,
    ProviderMovement,
    Reconciliation,
    SellerAccount,
)
from payments.providers import IN_PERSON, provider, provider_call
from payments.providers.base import Movement
from payments.selectors.statements import BUSINESS_ZONE, start_of
from payments.services import ledger
from payments.services.cases import open_case
from payments.services.reconciliation_sql import DIFFERENCES
from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue_once

_LATE = timedelta(hours=3)  # a provider may list what we did shortly before midnight as the next day's
_BATCH = 500
_UPDATED = ("account", "kind", "amount", "fee", "currency", "source", "day", "created_at")


@dataclass(frozen=True)
class Difference:
    """Something on which a provider and we do not agree; amounts are in fils."""

    subject: str
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any]
    payment_id: UUID | None
    payout_id: UUID | None


def enqueue_reconciliations() -> int:
    """Enqueue the comparison of each ended day of the last RECONCILE_DAYS that is not done yet."""
    today = database_now().astimezone(BUSINESS_ZONE).date()
    names = Payment.objects.exclude(provider=IN_PERSON).values_list("provider", flat=True).distinct()
    done = set(Reconciliation.objects.filter(finished_at__isnull=False).values_list("provider", "day"))
    days = [today - timedelta(days=age) for age in range(settings.RECONCILE_DAYS, 0, -1)]
    return sum(
        enqueue_once("payments.reconcile_day", lock=f"reconcile:{name}", provider=name, day=day.isoformat())
        for name in sorted(names)
        for day in days
        if (name, day) not in done
    )


def reconcile_day(provider_name: str, day: date) -> Reconciliation:
    """Fetch a provider's movements of a day of business, post its fees and open a case for each difference.

    Repeating it adds nothing twice. A run that was killed continues with the account at which it ended.
    Raises Unavailable if the provider does not answer.
    """
    run, _ = Reconciliation.objects.get_or_create(
        provider=provider_name, day=day, defaults={"started_at": database_now()}
    )
    if run.finished_at is not None:
        run.finished_at, run.fetched_account = None, None
    _fetch(run)
    _post_fees(run)
    differences = list(find_differences(provider_name, day))
    with transaction.atomic():
        for difference in differences:
            _open_case(provider_name, difference)
        run.compared = ProviderMovement.objects.filter(provider=provider_name, day=day).count()
        run.differences = len(differences)
        run.finished_at = database_now()
        run.save()
    return run


def find_differences(provider_name: str, day: date) -> Iterator[Difference]:
    """Yield what differs between a provider's stored movements of a day and our rows."""
    since = start_of(day)
    parameters: dict[str, Any] = {
        "provider": provider_name,
        "day": day,
        "since": since,
        "until": start_of(day + timedelta(days=1)),
    }
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES, parameters)
        for subject, ours, theirs, payment_id, payout_id in cursor.fetchall():
            yield Difference(subject, jsonlib.loads(ours), jsonlib.loads(theirs), payment_id, payout_id)


def _fetch(run: Reconciliation) -> None:
    """Store the movements on our account, then on each seller's, and note after each how far this is."""
    accounts = SellerAccount.objects.filter(provider=run.provider).exclude(external_id="").order_by("pk")
    if run.fetched_account is None:
        _store(run, "")
        run.save(update_fields=["finished_at", "fetched_account"])
    else:
        accounts = accounts.filter(pk__gt=run.fetched_account)
    for account in accounts.iterator():
        _store(run, account.external_id)
        run.fetched_account = account.pk
        run.save(update_fields=["finished_at", "fetched_account"])


def _store(run: Reconciliation, account: str) -> None:
    since = start_of(run.day)
    until = min(start_of(run.day + timedelta(days=1)) + _LATE, database_now())
    rows: list[ProviderMovement] = []
    with provider_call():
        for movement in provider(run.provider).movements(account, since, until):
            rows.append(_row(run.provider, movement))
            if len(rows) == _BATCH:
                _insert(rows)
                rows = []
    _insert(rows)


def _insert(rows: list[ProviderMovement]) -> None:
    ProviderMovement.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=("provider", "external_id"), update_fields=_UPDATED
    )


def _row(name: str, movement: Movement) -> ProviderMovement:
    is_fee = movement.kind == "fee"
    return ProviderMovement(
        provider=name,
        external_id=movement.external_id,
        account=movement.account,
        kind=movement.kind,
        amount=movement.amount,
        fee=movement.fee - (movement.amount if is_fee else 0),
        currency=movement.currency,
        source=movement.source,
        day=movement.created_at.astimezone(BUSINESS_ZONE).date(),
        created_at=movement.created_at,
    )


def _post_fees(run: Reconciliation) -> None:
    """Post what the provider kept, for each of its movements of the day that has no entry yet."""
    movements = ProviderMovement.objects.filter(
        provider=run.provider, day=run.day, currency=settings.CURRENCY
    ).exclude(fee=0)
    payments = {
        payment.external_id: payment
        for payment in Payment.objects.filter(
            provider=run.provider, external_id__in=movements.values("source")
        )
    }
    for row in movements.order_by("pk").iterator():
        movement = Movement(
            external_id=row.external_id,
            kind=row.kind,
            amount=row.amount,
            fee=row.fee,
            currency=row.currency,
            source=row.source,
            account=row.account,
            created_at=row.created_at,
        )
        ledger.post_provider_fee(payments.get(row.source), movement)


def _open_case(provider_name: str, difference: Difference) -> None:
    payment, payout = difference.payment_id, difference.payout_id
    open_case(
        kind=FinanceCase.Kind.DIFFERENCE,
        key=f"{provider_name}:{difference.subject}"[:120],
        ours=difference.ours,
        theirs=difference.theirs,
        payment=Payment.objects.get(pk=payment) if payment else None,
        payout=Payout.objects.get(pk=payout) if payout else None,
    )
