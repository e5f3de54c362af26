"""Every list and page of the admin: they open, empty or full, in a steady number of queries, and lead on."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Status

from accounts.models import User
from accounts.tests.factories import make_staff, make_user
from chat.models import Conversation, Message
from chat.tests.factories import make_conversation, make_message
from listings.models import Category, Product
from listings.tests.factories import make_product
from livestream.models import ChatMessage, Stream
from livestream.tests.factories import make_live_stream
from notifications.models import Notification
from offers.models import Offer, Transaction
from offers.tests.factories import make_offer, make_sale
from soukloop.core.jobs.queue import enqueue

pytestmark = pytest.mark.django_db


def make_chat_message() -> None:
    ChatMessage.objects.create(
        stream=make_live_stream(), seq=1, user=make_user(), message="Salaam!", created_at=timezone.now()
    )


def make_job(**columns: Any) -> ProcrastinateJob:
    enqueue("accounts.deliver_code", challenge_id=1, nonce="n")
    job = ProcrastinateJob.objects.latest("id")
    with connection.cursor() as cursor:  # its model is for reading only
        for name, value in columns.items():
            cursor.execute(f"UPDATE procrastinate_jobs SET {name} = %s WHERE id = %s", [value, job.pk])  # noqa: S608
    return job


MAKERS: dict[type[Model], Callable[[], Any]] = {
    User: make_user,
    Conversation: make_conversation,
    Message: lambda: make_message(make_conversation()),
    Product: make_product,
    Stream: make_live_stream,
    ChatMessage: make_chat_message,
    Notification: make_offer,  # its seller is told
    Offer: make_offer,
    Transaction: make_sale,
    ProcrastinateJob: make_job,
}


@pytest.fixture
def staff() -> Client:
    browser = Client()
    browser.force_login(make_staff())
    return browser


def list_of(model: type[Model]) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def read(browser: Client, url: str) -> str:
    response = browser.get(url)
    assert response.status_code == 200, url
    return str(response.content.decode())


def test_each_screen_is_in_these_tests() -> None:
    ours = {model for model in admin.site._registry if model._meta.app_label != "auth"}
    assert ours == {*MAKERS, Category}


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model._meta.model_name)
def test_a_list_takes_the_same_queries_whatever_it_holds(staff: Client, model: type[Model]) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            read(staff, list_of(model))
        return len(captured)

    MAKERS[model]()
    read(staff, list_of(model))  # content types and the like are looked up once
    few = queries()
    for _ in range(5):
        MAKERS[model]()
    assert model._default_manager.count() > 5
    assert queries() == few <= 12


@pytest.mark.parametrize("model", [*MAKERS, Category], ids=lambda model: model._meta.model_name)
def test_a_list_says_that_nothing_fits(staff: Client, model: type[Model]) -> None:
    page = read(staff, f"{list_of(model)}?q=nobody-wrote-this")
    assert "Nothing fits this search" in page
    assert 'class="help"' in page, "no help for the search"


def test_an_empty_list_says_so(staff: Client) -> None:
    assert "Nothing here yet." in read(staff, list_of(Transaction))


@pytest.mark.parametrize("model", [*MAKERS, Category], ids=lambda model: model._meta.model_name)
def test_a_page_and_what_it_links_to_open(staff: Client, model: type[Model]) -> None:
    MAKERS.get(model, make_product)()
    row = model._default_manager.order_by("-pk")[0]
    page = read(staff, f"{list_of(model)}{row.pk}/change/")
    assert 'name="_save"' not in page
    links = re.findall(r'href="(/admin/[^"#]+)"', page.split('id="content-main"')[1])
    for link in {html.unescape(link) for link in links} - {"/admin/logout/"}:
        read(staff, link)


def test_a_job_that_failed_is_tried_again_and_no_other(staff: Client) -> None:
    failed, other = make_job(status="failed"), make_job()
    body = {"action": "retry_failed_jobs", "_selected_action": [failed.pk, other.pk]}
    page = staff.post(list_of(ProcrastinateJob), body, follow=True).content.decode()
    assert "1 of the jobs chosen will be tried again." in page
    assert f"Left alone, as not failed but todo: {other.pk}." in page
    chosen = ProcrastinateJob.objects.filter(pk__in=[failed.pk, other.pk]).order_by("pk")
    assert list(chosen.values_list("status", "attempts")) == [("todo", 1), ("todo", 0)]


def test_of_failed_jobs_of_one_queueing_lock_the_staff_are_told_which_is_skipped(staff: Client) -> None:
    first, second = (make_job(status="failed", queueing_lock="one") for _ in range(2))
    body = {"action": "retry_failed_jobs", "_selected_action": [first.pk, second.pk]}
    page = staff.post(list_of(ProcrastinateJob), body, follow=True).content.decode()
    assert "1 of the jobs chosen will be tried again." in page
    left = f"Left alone, as queued already by another job of the same queueing lock: {second.pk}."
    assert re.search(rf'<li class="warning">\s*{left}', page)
    assert "Tried again" in read(staff, f"{list_of(ProcrastinateJob)}{first.pk}/history/")


def test_jobs_are_listed_by_each_status_there_is(staff: Client) -> None:
    page = read(staff, list_of(ProcrastinateJob))
    for status in Status:
        assert f'href="?status={status.value}"' in page
        read(staff, f"{list_of(ProcrastinateJob)}?status={status.value}")


def test_staff_who_may_only_look_try_no_job_again() -> None:
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_procrastinatejob"))
    browser = Client()
    browser.force_login(viewer)
    make_job()
    assert "retry_failed_jobs" not in read(browser, list_of(ProcrastinateJob))
