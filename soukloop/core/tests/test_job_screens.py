"""The admin screen of jobs: filtering, retrying failed jobs, permissions."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

from accounts.tests.factories import make_user
from soukloop.core.tests.factories import make_job
from soukloop.tests.staff import list_url, read, staff_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    return staff_browser()


def test_only_failed_jobs_are_retried(staff: Client) -> None:
    failed, other = make_job(status="failed"), make_job()
    body = {"action": "retry_failed_jobs", "_selected_action": [failed.pk, other.pk]}
    page = staff.post(list_url(ProcrastinateJob), body, follow=True).content.decode()
    assert "1 of the selected jobs will be retried." in page
    assert f"Not retried (status todo): {other.pk}." in page
    chosen = ProcrastinateJob.objects.filter(pk__in=[failed.pk, other.pk]).order_by("pk")
    assert list(chosen.values_list("status", "attempts")) == [("todo", 1), ("todo", 0)]


def test_staff_see_which_failed_job_is_skipped_for_its_queueing_lock(staff: Client) -> None:
    first, second = (make_job(status="failed", queueing_lock="one") for _ in range(2))
    body = {"action": "retry_failed_jobs", "_selected_action": [first.pk, second.pk]}
    page = staff.post(list_url(ProcrastinateJob), body, follow=True).content.decode()
    assert "1 of the selected jobs will be retried." in page
    skipped = f"Not retried (another job with the same queueing lock is already queued): {second.pk}."
    assert re.search(rf'<li class="warning">\s*{re.escape(skipped)}', page)
    assert "Retried" in read(staff, f"{list_url(ProcrastinateJob)}{first.pk}/history/")


def test_jobs_can_be_filtered_by_each_status(staff: Client) -> None:
    page = read(staff, list_url(ProcrastinateJob))
    for status in Status:
        assert f'href="?status={status.value}"' in page
        read(staff, f"{list_url(ProcrastinateJob)}?status={status.value}")


def test_staff_with_view_permission_cannot_retry_jobs() -> None:
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_procrastinatejob"))
    browser = Client()
    browser.force_login(viewer)
    make_job()
    assert "retry_failed_jobs" not in read(browser, list_url(ProcrastinateJob))


def test_staff_with_change_permission_can_retry_jobs_without_being_superusers() -> None:
    moderator = make_user(is_staff=True)
    names = ["view_procrastinatejob", "change_procrastinatejob"]
    moderator.user_permissions.set(Permission.objects.filter(codename__in=names))
    browser = Client()
    browser.force_login(moderator)
    job = make_job(status="failed")
    body = {"action": "retry_failed_jobs", "_selected_action": [job.pk]}
    page = browser.post(list_url(ProcrastinateJob), body, follow=True).content.decode()
    assert "1 of the selected jobs will be retried." in page
    job.refresh_from_db()
    assert job.status == "todo"
