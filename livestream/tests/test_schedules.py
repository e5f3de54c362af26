"""Followers are notified of the time for which a stream is scheduled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Mute, User
from accounts.tests.factories import block, client_for, follow, make_seller, make_user
from listings.models import Category
from livestream import tasks
from livestream.models import Stream
from livestream.services import streams
from notifications.models import Notification
from notifications.services.inbox import mark_read
from notifications.tests.factories import text_of

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
FRIDAY = datetime(2026, 3, 6, 16, tzinfo=UTC)
SATURDAY = FRIDAY + timedelta(days=1)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def seller(clock: Any) -> User:
    return make_seller(username="noura")


@pytest.fixture
def follower(seller: User) -> User:
    person = make_user()
    follow(person, seller)
    return person


def plan(seller: User, **fields: Any) -> Stream:
    category = Category.objects.get(slug="sneakers")
    return streams.create_stream(actor=seller, title="Sneakers", category=category, **fields)


def move(stream: Stream, **changes: Any) -> None:
    streams.update_settings(actor=stream.seller, stream_id=stream.pk, changes=changes)


def titles_of(user: User, language: str = "en") -> list[str]:
    rows = Notification.objects.filter(user=user).order_by("created_at")
    return [text_of(row, language).title for row in rows]


def test_followers_are_notified_of_a_planned_stream_once(seller: User, follower: User, run_jobs: Any) -> None:
    stream = plan(seller, scheduled_at=FRIDAY)
    assert run_jobs() == ["livestream.announce_schedule"]
    row = Notification.objects.get()
    assert (row.user_id, row.kind) == (follower.pk, "stream_scheduled")
    assert row.data == {"stream_id": str(stream.pk), "seller_id": str(seller.pk)}
    in_dubai = "6 Mar 2026, 20:00"
    assert text_of(row) == (f"@noura goes live: {in_dubai}", "Sneakers")
    assert text_of(row, "ar").title.startswith("بث مباشر قادم من @noura: ")
    move(stream, title="Sneakers and boots")
    assert run_jobs() == []
    tasks.announce_schedule(**ProcrastinateJob.objects.get(task_name="livestream.announce_schedule").args)
    assert Notification.objects.get().version == 1


def test_a_stream_without_a_time_or_with_its_notices_off_is_not_told_of(
    seller: User, follower: User, run_jobs: Any
) -> None:
    plan(seller)
    stream = plan(seller, scheduled_at=FRIDAY, notify_followers=False)
    run_jobs()
    assert titles_of(follower) == []
    move(stream, notify_followers=True)
    run_jobs()
    assert len(titles_of(follower)) == 1


def test_a_time_that_is_changed_often_is_told_at_most_once_an_hour(
    seller: User, follower: User, run_jobs: Any, clock: Any
) -> None:
    stream = plan(seller, scheduled_at=FRIDAY)
    run_jobs()
    mark_read(actor=follower, ids=None)
    for minutes in range(1, 6):
        move(stream, scheduled_at=SATURDAY + timedelta(minutes=minutes))
        run_jobs()
    assert len(titles_of(follower)) == 1
    clock.shift(timedelta(hours=1))
    run_jobs()
    assert len(titles_of(follower)) == 2
    stream.refresh_from_db()
    assert stream.schedule_told_for == SATURDAY + timedelta(minutes=5)


def test_a_time_that_is_moved_and_moved_back_is_not_told_again(
    seller: User, follower: User, run_jobs: Any, clock: Any
) -> None:
    stream = plan(seller, scheduled_at=FRIDAY)
    run_jobs()
    move(stream, scheduled_at=SATURDAY)
    run_jobs()
    move(stream, scheduled_at=FRIDAY)
    clock.shift(timedelta(hours=2))
    run_jobs()
    assert Notification.objects.get().version == 1


def test_a_seller_with_many_planned_streams_notifies_of_three_a_day(
    seller: User, follower: User, run_jobs: Any
) -> None:
    for day in range(5):
        plan(seller, scheduled_at=FRIDAY + timedelta(days=day))
    run_jobs()
    assert len(titles_of(follower)) == 3


def test_a_stream_that_was_cancelled_or_has_begun_is_not_told_of(
    seller: User, follower: User, run_jobs: Any, clock: Any
) -> None:
    cancelled, past = plan(seller, scheduled_at=FRIDAY), plan(seller, scheduled_at=NOW + timedelta(minutes=1))
    streams.cancel_stream(actor=seller, stream_id=cancelled.pk)
    clock.shift(timedelta(minutes=2))
    run_jobs()
    assert titles_of(follower) == []
    assert past.status == "scheduled"


def test_blocked_and_muting_followers_are_not_notified(seller: User, run_jobs: Any) -> None:
    blocked, muting = make_user(), make_user()
    for person in (blocked, muting):
        follow(person, seller)
    block(seller, blocked)
    Mute.objects.create(muter=muting, muted=seller)
    plan(seller, scheduled_at=FRIDAY)
    run_jobs()
    assert not Notification.objects.exists()


def test_a_plan_that_was_rolled_back_is_no_notification(seller: User, follower: User, run_jobs: Any) -> None:
    with transaction.atomic():
        plan(seller, scheduled_at=FRIDAY)
        transaction.set_rollback(True)
    assert run_jobs() == []


def test_the_time_is_set_and_shown_over_rest_and_must_be_in_the_future(seller: User) -> None:
    client = client_for(seller)
    fields = {"title": "Sneakers", "category": "sneakers"}
    for wrong in ("2026-03-02T07:59:00Z", "2026-12-01T00:00:00Z", "Friday"):
        answer = client.post("/api/v1/streams", fields | {"scheduled_at": wrong})
        assert answer.status_code == 400
        assert "scheduled_at" in answer.json()["error"]["details"]
    assert not Stream.objects.exists()
    stream = client.post("/api/v1/streams", fields | {"scheduled_at": "2026-03-06T20:00:00+04:00"}).json()[
        "data"
    ]
    assert stream["scheduledAt"] == "2026-03-06T16:00:00Z"
    url = f"/api/v1/streams/{stream['streamId']}/settings"
    assert client.patch(url, {"scheduled_at": None}, format="json").json()["data"]["scheduledAt"] is None
