"""The admin screen of background jobs; it replaces Procrastinate's."""

from collections import defaultdict
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

from soukloop.core import jsonlib
from soukloop.core.jobs import queue
from soukloop.core.jobs.context import ARGUMENT, request_id_of
from soukloop.core.staff import format
from soukloop.core.staff.admin import Notice, ReadOnlyStateAdmin, start_page_notices

admin.site.unregister(ProcrastinateJob)


@start_page_notices.register
def failed_jobs_notice(request: HttpRequest) -> Notice | None:
    """Say how many jobs have failed to those who may see them; the link leads to the list of them."""
    if not request.user.has_perm("procrastinate.view_procrastinatejob"):
        return None
    failed = ProcrastinateJob.objects.filter(status=Status.FAILED.value).count()
    jobs = "1 background job has failed" if failed == 1 else f"{failed} background jobs have failed"
    url = reverse("admin:procrastinate_procrastinatejob_changelist")
    return Notice(f"{jobs}.", f"{url}?status={Status.FAILED.value}", is_urgent=failed > 0)


class StatusFilter(admin.SimpleListFilter):
    """Filter by status without a query for the statuses in use."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, status.value.capitalize()) for status in Status]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]
    ) -> QuerySet[ProcrastinateJob]:
        # PostgreSQL refuses to compare its enum with a word that isn't in it.
        known = self.value() in {status.value for status in Status}
        return queryset.filter(status=self.value()) if known else queryset


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnlyStateAdmin):
    """A job and its history; failed ones can be retried."""

    list_display = ("task_name", "number", "state", "attempts", "due", "arguments")
    list_filter = (StatusFilter,)
    search_fields = ("=id", "task_name", "lock", "=args___context__request_id")
    search_help_text = "A job's number, part of a task's name or of a lock, or the id of its request"
    ordering = ("-id",)
    actions = ("retry_failed_jobs",)
    fieldsets = (
        (None, {"fields": ("id", "task_name", "full_arguments", "caused_by", "state", "attempts")}),
        ("Queue", {"fields": ("queue_name", "priority", "lock", "queueing_lock", "scheduled_at")}),
        ("History", {"fields": ("history",)}),
    )
    readonly_fields = ("full_arguments", "caused_by", "state", "history")

    @admin.display(description="job", ordering="id")
    def number(self, job: ProcrastinateJob) -> str:
        return str(job.pk)

    @admin.display(description="status", ordering="status")
    def state(self, job: ProcrastinateJob) -> str:
        return job.status.capitalize()

    @admin.display(description="not before", ordering="scheduled_at")
    def due(self, job: ProcrastinateJob) -> str:
        return format.short_datetime(job.scheduled_at)

    @admin.display(description="arguments")
    def arguments(self, job: ProcrastinateJob) -> str:
        return format.truncate(_own_arguments(job), 34)

    @admin.display(description="arguments")
    def full_arguments(self, job: ProcrastinateJob) -> SafeString:
        return format_html("<code>{}</code>", _own_arguments(job))

    @admin.display(description="request")
    def caused_by(self, job: ProcrastinateJob) -> str:
        return request_id_of(job.args) or "(none: it runs by itself)"

    @admin.display(description="history")
    def history(self, job: ProcrastinateJob) -> SafeString | str:
        events = job.procrastinateevent_set.order_by("at")
        return format.table(
            ("Time", "What"), [(format.full_datetime(event.at), event.type) for event in events]
        )

    @admin.action(description="Retry failed jobs", permissions=["moderate"])
    def retry_failed_jobs(self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]) -> None:
        result = queue.retry_failed_jobs(actor=request.user, job_ids=queryset.values_list("pk", flat=True))
        if result.queued:
            message = f"{len(result.queued)} of the selected jobs will be retried."
            self.message_user(request, message, messages.SUCCESS)
        skipped_by_reason = defaultdict(list)
        for job_id, reason in result.skipped.items():
            skipped_by_reason[reason].append(str(job_id))
        for reason, job_ids in skipped_by_reason.items():
            self.message_user(request, f"Not retried ({reason}): {', '.join(job_ids)}.", messages.WARNING)


def _own_arguments(job: ProcrastinateJob) -> str:
    """Return the arguments that the task gets, as JSON."""
    return jsonlib.dumps({name: value for name, value in job.args.items() if name != ARGUMENT}).decode()
