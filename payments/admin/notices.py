"""What the admin's start page tells finance."""

from datetime import timedelta

from django.http import HttpRequest
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

from payments.models import FeeBill, FinanceCase, Reconciliation, Refund
from soukloop.core.db.clock import database_now
from soukloop.core.staff.admin import Notice, start_page_notices

_JOBS = "payments."
_FOR = timedelta(days=7)  # a difference has a case of its own, which stays


@start_page_notices.register
def open_cases_notice(request: HttpRequest) -> Notice | None:
    if not request.user.has_perm("payments.change_financecase"):
        return None
    count = FinanceCase.objects.filter(closed_at=None).count()
    return _notice(
        count, "case about money is open", "cases about money are open", "financecase", "state=open"
    )


@start_page_notices.register
def waiting_refunds_notice(request: HttpRequest) -> Notice | None:
    """Say how many refunds wait for this person; one's own wait for somebody else."""
    if not request.user.has_perm("payments.change_refund"):
        return None
    waiting = Refund.objects.filter(state=Refund.State.WAITING)
    count = waiting.exclude(requested_by=request.user.pk).count()
    return _notice(
        count,
        "refund waits for a second person, such as you",
        "refunds wait for a second person, such as you",
        "refund",
        f"state__exact={Refund.State.WAITING}",
    )


@start_page_notices.register
def failed_payment_jobs_notice(request: HttpRequest) -> Notice | None:
    """Say how many jobs of payments have failed to those of finance who may see jobs."""
    user = request.user
    if not (user.has_perm("payments.view_payment") and user.has_perm("procrastinate.view_procrastinatejob")):
        return None
    count = ProcrastinateJob.objects.filter(status=Status.FAILED.value, task_name__startswith=_JOBS).count()
    if not count:
        return None
    url = reverse("admin:procrastinate_procrastinatejob_changelist")
    text = "1 job of payments has failed." if count == 1 else f"{count} jobs of payments have failed."
    return Notice(text, f"{url}?q={_JOBS}&status={Status.FAILED.value}", is_urgent=True)


@start_page_notices.register
def overdue_bills_notice(request: HttpRequest) -> Notice | None:
    if not request.user.has_perm("payments.change_feebill"):
        return None
    count = FeeBill.objects.filter(state=FeeBill.State.OVERDUE).count()
    return _notice(
        count, "bill of fees is overdue", "bills of fees are overdue", "feebill", "state__exact=overdue"
    )


@start_page_notices.register
def reconciliation_notice(request: HttpRequest) -> Notice | None:
    """Name the last comparison with a provider that found differences, for a week."""
    if not request.user.has_perm("payments.view_reconciliation"):
        return None
    found = (
        Reconciliation.objects.filter(differences__gt=0, finished_at__gte=database_now() - _FOR)
        .order_by("-day")
        .first()
    )
    if found is None:
        return None
    url = reverse("admin:payments_reconciliation_change", args=[found.pk])
    differences = "1 difference" if found.differences == 1 else f"{found.differences} differences"
    return Notice(
        f"The comparison with {found.provider} of {found.day:%-d %B} found {differences}.",
        url,
        is_urgent=True,
    )


def _notice(count: int, one: str, several: str, screen: str, query: str) -> Notice | None:
    if not count:
        return None
    url = reverse(f"admin:payments_{screen}_changelist")
    return Notice(f"{count} {one if count == 1 else several}.", f"{url}?{query}", is_urgent=True)
