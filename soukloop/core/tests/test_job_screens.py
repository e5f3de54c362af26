"""The admin screen of jobs: filtering, retrying failed jobs, permissions."""

import re
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

from accounts.models import User
from accounts.services.moderation import set_staff
from accounts.tests.factories import make_staff, make_user
from soukloop.core.errors import Forbidden
from soukloop.core.jobs.queue import retry_failed_jobs
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
    read(staff, f"{list_url(ProcrastinateJob)}?status=nope")


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


def browser_of(**permissions: bool) -> Client:
    browser = Client()
    browser.force_login(make_user(is_staff=True, **permissions))
    return browser


def moderator_browser() -> Client:
    """Return the browser of somebody whom a superuser made a moderator."""
    user = make_user()
    set_staff(actor=make_staff(), user_id=user.pk, is_staff=True, reason="New colleague")
    browser = Client()
    browser.force_login(User.objects.get(pk=user.pk))
    return browser


FAILED_LIST = "/admin/procrastinate/procrastinatejob/?status=failed"


def test_the_start_page_counts_failed_jobs_and_leads_to_them() -> None:
    moderator = moderator_browser()
    assert f'<a href="{FAILED_LIST}">0 background jobs have failed.</a>' in read(moderator, "/admin/")
    failed, other = make_job(status="failed"), make_job()
    assert f'<a href="{FAILED_LIST}">1 background job has failed.</a>' in read(moderator, "/admin/")
    page = read(moderator, FAILED_LIST)
    assert f"procrastinatejob/{failed.pk}/" in page
    assert f"procrastinatejob/{other.pk}/" not in page


def test_a_moderator_retries_a_failed_job() -> None:
    failed = make_job(status="failed")
    body = {"action": "retry_failed_jobs", "_selected_action": [failed.pk]}
    page = moderator_browser().post(list_url(ProcrastinateJob), body, follow=True).content.decode()
    assert "1 of the selected jobs will be retried." in page
    assert ProcrastinateJob.objects.get(pk=failed.pk).status == "todo"


def test_staff_who_may_not_see_jobs_are_not_told_of_them() -> None:
    make_job(status="failed")
    assert "have failed" not in read(browser_of(), "/admin/")
    assert browser_of().get(FAILED_LIST).status_code == 403


def test_staff_who_may_only_see_jobs_cannot_retry_them() -> None:
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_procrastinatejob"))
    failed = make_job(status="failed")
    with pytest.raises(Forbidden):
        retry_failed_jobs(actor=viewer, job_ids=[failed.pk])
    assert ProcrastinateJob.objects.get(pk=failed.pk).status == "failed"


def test_a_moderators_group_from_before_gets_the_permissions_on_jobs_and_keeps_its_others() -> None:
    group = Group.objects.create(name="Moderators")
    group.permissions.add(Permission.objects.get(codename="view_offer"))
    import_module("accounts.migrations.0009_moderators_see_jobs").add_permissions(apps, None)
    names = set(group.permissions.values_list("codename", flat=True))
    assert names == {"view_offer", "view_procrastinatejob", "change_procrastinatejob"}
