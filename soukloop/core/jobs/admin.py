"""The admin screen of background jobs; it replaces Procrastinate's."""

from collections import defaultdict
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

from soukloop.core import jsonlib
from soukloop.core.jobs import queue
from soukloop.core.staff import format
from soukloop.core.staff.admin import ReadOnlyStateAdmin

admin.site.unregister(ProcrastinateJob)


class StatusFilter(admin.SimpleListFilter):
    """Filter by status without a query for the statuses in use."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, status.value.capitalize()) for status in Status]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]
    ) -> QuerySet[ProcrastinateJob]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnlyStateAdmin):
    """A job and its history; failed ones can be retried."""

    list_display = ("task_name", "number", "state", "attempts", "due", "given")
    list_filter = (StatusFilter,)
    search_fields = ("=id", "task_name", "lock")
    search_help_text = "A job's number, part of a task's name or of a lock"
    ordering = ("-id",)
    actions = ("retry_failed_jobs",)
    fieldsets = (
        (None, {"fields": ("id", "task_name", "given_in_full", "state", "attempts")}),
        ("Queue", {"fields": ("queue_name", "priority", "lock", "queueing_lock", "scheduled_at")}),
        ("History", {"fields": ("history",)}),
    )
    readonly_fields = ("given_in_full", "state", "history")

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
    def given(self, job: ProcrastinateJob) -> str:
        return format.truncate(jsonlib.dumps(job.args).decode(), 34)

    @admin.display(description="arguments")
    def given_in_full(self, job: ProcrastinateJob) -> SafeString:
        return format_html("<code>{}</code>", jsonlib.dumps(job.args).decode())

    @admin.display(description="history")
    def history(self, job: ProcrastinateJob) -> SafeString | str:
        events = job.procrastinateevent_set.order_by("at")
        return format.table(
            ("Time", "What"), [(format.full_datetime(event.at), event.type) for event in events]
        )

    @admin.action(description="Retry failed jobs", permissions=["moderate"])
    def retry_failed_jobs(self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]) -> None:
        tried = queue.retry_failed_jobs(actor=request.user, job_ids=queryset.values_list("pk", flat=True))
        if tried.queued:
            done = f"{len(tried.queued)} of the jobs chosen will be tried again."
            self.message_user(request, done, messages.SUCCESS)
        numbers = defaultdict(list)
        for job_id, why in tried.skipped.items():
            numbers[why].append(str(job_id))
        for why, alike in numbers.items():
            self.message_user(request, f"Left alone, as {why}: {', '.join(alike)}.", messages.WARNING)
