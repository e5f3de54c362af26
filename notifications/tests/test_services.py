"""Notifications: recipients, batches, replacement by newer ones, reading."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from accounts.services.relations import block_user, mute_user
from accounts.tests.factories import block, make_user
from notifications import tasks
from notifications.models import Notification
from notifications.services import inbox
from notifications.services import notify as writing
from notifications.services.notify import notify, write_batch
from notifications.tests.factories import PLAIN, REPLACING, make_notification, text_of
from soukloop.realtime.rooms import user_room
from soukloop.realtime.testing import Captured

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("test_kinds")]

CONTENT: dict[str, Any] = {
    "kind": "test",
    "params": {"heading": "Title", "text": "Text"},
    "data": {"n": 1},
    "actor_id": None,
}


TEXTS: dict[str, Any] = {"params": CONTENT["params"], "data": CONTENT["data"]}


def make_people(count: int) -> list[User]:
    return User.objects.bulk_create(
        User(email=f"crowd{n}@example.com", username=f"crowd{n}", password="!") for n in range(count)
    )


def test_each_person_gets_a_notification_and_an_event(
    captured_events: Captured, django_capture_on_commit_callbacks: Any
) -> None:
    a, b = make_user(), make_user()
    with django_capture_on_commit_callbacks(execute=True):
        notified = notify(
            user_ids=[a.pk, b.pk, a.pk],
            kind=PLAIN,
            params={"heading": "New offer", "text": "AED 750"},
            data={"n": 7},
        )
    assert notified == 2
    rows = {row.user_id: row for row in Notification.objects.all()}
    assert set(rows) == {a.pk, b.pk}
    assert sorted(room for room, _, _ in captured_events) == sorted([user_room(a.pk), user_room(b.pk)])
    _, event, data = next(each for each in captured_events if each[0] == user_room(a.pk))
    assert event == "notification:new"
    assert data == {
        "notificationId": str(rows[a.pk].pk),
        "kind": "test",
        "title": "New offer",
        "body": "AED 750",
        "data": {"n": 7},
        "link": "soukloop://tests/7",
        "timestamp": data["timestamp"],
    }


def test_the_actor_blocked_people_and_closed_accounts_are_left_out() -> None:
    actor, friend, blocked, blocker = (make_user() for _ in range(4))
    banned = make_user(is_active=False, banned_at=timezone.now())
    block(actor, blocked)
    block(blocker, actor)
    people = [actor, friend, blocked, blocker, banned]
    notified = notify(
        user_ids=[each.pk for each in people] + [uuid4()], kind=PLAIN, actor_id=actor.pk, **TEXTS
    )
    assert notified == 1
    assert Notification.objects.get().user_id == friend.pk


def test_notifying_no_people_does_nothing() -> None:
    assert notify(user_ids=[], kind=PLAIN, **TEXTS) == 0
    assert not Notification.objects.exists()


def test_long_texts_are_shortened() -> None:
    make_notification(make_user(), title="T" * 300, text="ب" * 4000)
    row = Notification.objects.get()
    title, body = text_of(row)
    assert (len(title), len(body), title[-1], body[-1]) == (199, 500, "…", "…")
    assert len(row.params["text"]) == 500


def replace(user: User, text: str, n: int = 1) -> None:
    notify(user_ids=[user.pk], kind=REPLACING, params={"actor": "Layla", "text": text}, data={"n": n})


class TestCollapsing:
    def test_a_newer_notification_replaces_an_unread_one(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        me = make_user()
        with django_capture_on_commit_callbacks(execute=True):
            for text in ("One", "Two"):
                replace(me, text)
        row = Notification.objects.get()
        assert (text_of(row).body, row.version) == ("Two", 2)
        assert [(data["notificationId"], data["body"]) for _, _, data in captured_events] == [
            (str(row.pk), "One"),
            (str(row.pk), "Two"),
        ]

    def test_a_notification_that_was_read_is_not_replaced(self) -> None:
        me = make_user()
        replace(me, "One")
        inbox.mark_read_by_key(user_id=me.pk, collapse_key="test:1")
        replace(me, "Two")
        rows = Notification.objects.order_by("params__text")
        assert [(text_of(row).body, row.read_at is None) for row in rows] == [("One", False), ("Two", True)]

    def test_collapse_keys_are_separate_per_person(self) -> None:
        a, b = make_user(), make_user()
        for n in (1, 2):
            replace(a, "One", n)
            replace(b, "One", n)
        assert Notification.objects.count() == 4


class TestLargeAudiences:
    def test_more_than_a_batch_is_written_by_jobs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writing, "BATCH_SIZE", 10)
        people = make_people(25)
        notified = notify(user_ids=[each.pk for each in people], kind=PLAIN, **TEXTS)
        assert notified == 25
        assert not Notification.objects.exists()
        jobs = list(ProcrastinateJob.objects.filter(task_name="notifications.write_batch"))
        assert sorted(len(job.args["user_ids"]) for job in jobs) == [5, 10, 10]
        for job in [*jobs, *jobs]:  # a worker may die after the work: the job runs again
            tasks.write_batch(**job.args)
        assert Notification.objects.count() == 25
        assert Notification.objects.values("user").distinct().count() == 25
        assert Notification.objects.all()[0].data == {"n": 1}

    def test_a_batch_that_runs_twice_notifies_each_person_once(
        self, captured_events: Captured, django_capture_on_commit_callbacks: Any
    ) -> None:
        me, batch = make_user(), uuid4()
        with django_capture_on_commit_callbacks(execute=True):
            for _ in range(2):
                write_batch(batch_id=batch, user_ids=[me.pk], content=CONTENT)
        assert Notification.objects.count() == len(captured_events) == 1

    def test_a_batch_that_replaced_unread_notifications_replaces_them_once(self) -> None:
        me, batch = make_user(), uuid4()
        content = CONTENT | {"kind": REPLACING.name, "params": {"actor": "Layla", "text": "Hi"}}
        write_batch(batch_id=uuid4(), user_ids=[me.pk], content=content)
        for _ in range(2):
            write_batch(batch_id=batch, user_ids=[me.pk], content=content)
        assert Notification.objects.get().version == 2

    def test_notifying_a_thousand_people_takes_few_queries(
        self, django_assert_max_num_queries: Any, captured_events: Captured
    ) -> None:
        ids = [each.pk for each in make_people(1000)]
        with django_assert_max_num_queries(8):  # four of them savepoints
            notify(user_ids=ids, kind=PLAIN, **TEXTS)
        assert Notification.objects.count() == 1000


class TestReading:
    def test_some_or_all_of_the_users_notifications_are_marked_read(self) -> None:
        me, other = make_user(), make_user()
        for user in (me, me, me, other):
            make_notification(user)
        mine = list(Notification.objects.filter(user=me))
        others = Notification.objects.get(user=other)
        assert inbox.mark_read(actor=me, ids=[mine[0].pk, others.pk, uuid4()]) == 1
        assert inbox.mark_read(actor=me, ids=[mine[0].pk]) == 0
        assert inbox.mark_read(actor=me, ids=None) == 2
        others.refresh_from_db()
        assert others.read_at is None


def test_a_batch_that_was_queued_before_there_were_templates_keeps_its_texts() -> None:
    me = make_user()
    content = {
        "kind": "test",
        "title": "New offer",
        "body": "AED 750",
        "data": {"n": 1},
        "collapse_key": None,
    }
    write_batch(batch_id=uuid4(), user_ids=[me.pk], content=content)
    assert text_of(Notification.objects.get()) == ("New offer", "AED 750")


@pytest.mark.parametrize("separate", [block_user, mute_user])
def test_what_blocked_and_muted_people_caused_is_no_longer_unread(separate: Any) -> None:
    me, other, third = make_user(), make_user(), make_user()
    for actor in (other, third):
        notify(user_ids=[me.pk], kind=PLAIN, actor_id=actor.pk, **TEXTS)
    notify(user_ids=[other.pk], kind=PLAIN, actor_id=me.pk, **TEXTS)
    separate(actor=me, user_id=other.pk)
    unread = {(row.user_id, row.actor_id) for row in Notification.objects.unread()}
    # Who is muted isn't told, and sees no difference; a block hides both from each other.
    assert unread == {(me.pk, third.pk)} | ({(other.pk, me.pk)} if separate is mute_user else set())
