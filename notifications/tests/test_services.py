"""Notifications: recipients, batches, replacement by newer ones, reading."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from accounts.tests.factories import block, make_user
from notifications import services, tasks
from notifications.models import Notification
from soukloop.realtime.rooms import user_room
from soukloop.realtime.testing import Captured

pytestmark = pytest.mark.django_db

CONTENT: dict[str, Any] = {"kind": "test", "title": "Title", "body": "", "data": {}, "collapse_key": None}


def make_people(count: int) -> list[User]:
    return User.objects.bulk_create(
        User(email=f"crowd{n}@example.com", username=f"crowd{n}", password="!") for n in range(count)
    )


def test_each_person_gets_a_notification_and_an_event(
    captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> None:
    a, b = make_user(), make_user()
    with django_capture_on_commit_callbacks(execute=True):
        notified = services.notify(
            user_ids=[a.pk, b.pk, a.pk],
            kind="offer_new",
            title="New offer",
            body="AED 750",
            data={"offer_id": "x"},
        )
    assert notified == 2
    rows = {row.user_id: row for row in Notification.objects.all()}
    assert set(rows) == {a.pk, b.pk}
    assert sorted(room for room, _, _ in captured_events) == sorted([user_room(a.pk), user_room(b.pk)])
    _, event, data = next(each for each in captured_events if each[0] == user_room(a.pk))
    assert event == "notification:new"
    assert data == {
        "notificationId": str(rows[a.pk].pk),
        "kind": "offer_new",
        "title": "New offer",
        "body": "AED 750",
        "data": {"offer_id": "x"},
        "timestamp": data["timestamp"],
    }


def test_the_actor_blocked_people_and_closed_accounts_are_left_out() -> None:
    actor, friend, blocked, blocker = (make_user() for _ in range(4))
    banned = make_user(is_active=False, banned_at=timezone.now())
    block(actor, blocked)
    block(blocker, actor)
    people = [actor, friend, blocked, blocker, banned]
    notified = services.notify(
        user_ids=[each.pk for each in people] + [uuid4()], kind="test", title="Hi", actor_id=actor.pk
    )
    assert notified == 1
    assert Notification.objects.get().user_id == friend.pk


def test_notifying_no_people_does_nothing() -> None:
    assert services.notify(user_ids=[], kind="test", title="Hi") == 0
    assert not Notification.objects.exists()


def test_long_texts_are_truncated_to_the_columns_length() -> None:
    services.notify(user_ids=[make_user().pk], kind="test", title="T" * 300, body="ب" * 4000)
    row = Notification.objects.get()
    assert (len(row.title), len(row.body), row.body[-1]) == (200, 500, "…")


class TestCollapsing:
    def test_a_newer_notification_replaces_an_unread_one(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        me = make_user()
        with django_capture_on_commit_callbacks(execute=True):
            for body in ("One", "Two"):
                services.notify(user_ids=[me.pk], kind="test", title="T", body=body, collapse_key="k")
        row = Notification.objects.get()
        assert row.body == "Two"
        assert [(data["notificationId"], data["body"]) for _, _, data in captured_events] == [
            (str(row.pk), "One"),
            (str(row.pk), "Two"),
        ]

    def test_a_notification_that_was_read_is_not_replaced(self) -> None:
        me = make_user()
        services.notify(user_ids=[me.pk], kind="test", title="T", body="One", collapse_key="k")
        services.mark_read_by_key(user_id=me.pk, collapse_key="k")
        services.notify(user_ids=[me.pk], kind="test", title="T", body="Two", collapse_key="k")
        rows = Notification.objects.order_by("body")
        assert [(row.body, row.read_at is None) for row in rows] == [("One", False), ("Two", True)]

    def test_collapse_keys_are_separate_per_person(self) -> None:
        a, b = make_user(), make_user()
        for key in ("k", "l"):
            services.notify(user_ids=[a.pk, b.pk], kind="test", title="T", collapse_key=key)
        assert Notification.objects.count() == 4


class TestLargeAudiences:
    def test_more_than_a_batch_is_written_by_jobs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "BATCH_SIZE", 10)
        people = make_people(25)
        notified = services.notify(
            user_ids=[each.pk for each in people], kind="test", title="T", data={"a": 1}
        )
        assert notified == 25
        assert not Notification.objects.exists()
        jobs = list(ProcrastinateJob.objects.filter(task_name="notifications.write_batch"))
        assert sorted(len(job.args["user_ids"]) for job in jobs) == [5, 10, 10]
        for job in [*jobs, *jobs]:  # a worker may die after the work: the job runs again
            tasks.write_batch(**job.args)
        assert Notification.objects.count() == 25
        assert Notification.objects.values("user").distinct().count() == 25
        assert Notification.objects.all()[0].data == {"a": 1}

    def test_a_batch_that_runs_twice_notifies_each_person_once(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        me, batch = make_user(), uuid4()
        with django_capture_on_commit_callbacks(execute=True):
            for _ in range(2):
                services.write_batch(batch_id=batch, user_ids=[me.pk], content=CONTENT)
        assert Notification.objects.count() == len(captured_events) == 1

    def test_notifying_a_thousand_people_takes_few_queries(
        self, django_assert_max_num_queries: Any, captured_events: Captured
    ) -> None:
        ids = [each.pk for each in make_people(1000)]
        with django_assert_max_num_queries(7):  # four of them savepoints
            services.notify(user_ids=ids, kind="test", title="T")
        assert Notification.objects.count() == 1000


class TestReading:
    def test_some_or_all_of_the_users_notifications_are_marked_read(self) -> None:
        me, other = make_user(), make_user()
        for user in (me, me, me, other):
            services.notify(user_ids=[user.pk], kind="test", title="T")
        mine = list(Notification.objects.filter(user=me))
        others = Notification.objects.get(user=other)
        assert services.mark_read(actor=me, ids=[mine[0].pk, others.pk, uuid4()]) == 1
        assert services.mark_read(actor=me, ids=[mine[0].pk]) == 0
        assert services.mark_read(actor=me, ids=None) == 2
        others.refresh_from_db()
        assert others.read_at is None
