"""Notifications of new followers: one until it is read, and one a day of the same person."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Mute, User
from accounts.services.relations import follow_user, unfollow_user
from accounts.tests.factories import make_user
from notifications import tasks
from notifications.models import FollowNotice, Notification
from notifications.services.inbox import mark_read
from notifications.tests.factories import text_of

pytestmark = pytest.mark.django_db


def titles_of(user: User, language: str = "en") -> list[str]:
    rows = Notification.objects.filter(user=user).order_by("created_at")
    return [text_of(row, language).title for row in rows]


def test_followers_are_one_notification_until_it_is_read(run_jobs: Any) -> None:
    me, omar, layla, sara = (make_user(), *(make_user(username=name) for name in ("omar", "layla", "sara")))
    follow_user(actor=omar, user_id=me.pk)
    run_jobs()
    assert titles_of(me) == ["@omar follows you"]
    assert titles_of(me, "ar") == ["بدأ @omar بمتابعتك"]
    follow_user(actor=layla, user_id=me.pk)
    run_jobs()
    assert titles_of(me) == ["2 new followers, the latest is @layla"]
    assert titles_of(me, "ar") == ["متابعان جديدان، آخرهما @layla"]
    row = Notification.objects.get()
    assert (row.data, row.actor_id) == ({"user_id": str(layla.pk), "count": 2}, layla.pk)
    mark_read(actor=me, ids=None)
    follow_user(actor=sara, user_id=me.pk)
    run_jobs()
    assert titles_of(me)[-1] == "@sara follows you"


@pytest.mark.parametrize(
    ("count", "title"),
    [
        (3, "3 متابعين جدد، آخرهم @omar"),
        (11, "11 متابعًا جديدًا، آخرهم @omar"),
        (100, "100 متابع جديد، آخرهم @omar"),
    ],
)
def test_arabic_has_its_plural_forms(count: int, title: str) -> None:
    params = {"actor": "@omar", "count": count}
    assert text_of(Notification(kind="follower_new", params=params), "ar").title == title


def test_following_again_on_the_same_day_tells_nothing_new(run_jobs: Any) -> None:
    me, omar = make_user(), make_user()
    now = timezone.now()
    for hours in (0, 1, 23):
        with time_machine.travel(now + timedelta(hours=hours)):
            follow_user(actor=omar, user_id=me.pk)
            run_jobs()
            unfollow_user(actor=omar, user_id=me.pk)
            mark_read(actor=me, ids=None)
    assert len(titles_of(me)) == 1
    with time_machine.travel(now + timedelta(hours=25)):
        follow_user(actor=omar, user_id=me.pk)
        follow_user(actor=omar, user_id=me.pk)
        assert run_jobs() == ["notifications.notify_of_follower"]
    assert len(titles_of(me)) == 2


def test_somebody_who_has_unfollowed_before_the_job_runs_is_not_told_of(run_jobs: Any) -> None:
    me, omar = make_user(), make_user()
    follow_user(actor=omar, user_id=me.pk)
    unfollow_user(actor=omar, user_id=me.pk)
    run_jobs()
    assert titles_of(me) == []
    follow_user(actor=omar, user_id=me.pk)
    run_jobs()
    assert len(titles_of(me)) == 1


def test_a_job_that_runs_twice_notifies_once(run_jobs: Any) -> None:
    me, omar = make_user(), make_user()
    follow_user(actor=omar, user_id=me.pk)
    job = ProcrastinateJob.objects.get(task_name="notifications.notify_of_follower")
    for _ in range(2):
        tasks.notify_of_follower(**job.args)
    assert Notification.objects.get().params["count"] == 1


def test_a_muted_follower_is_no_notification(run_jobs: Any) -> None:
    me, omar = make_user(), make_user()
    Mute.objects.create(muter=me, muted=omar)
    follow_user(actor=omar, user_id=me.pk)
    run_jobs()
    assert titles_of(me) == []


def test_a_follow_that_was_rolled_back_is_no_notification(run_jobs: Any) -> None:
    with transaction.atomic():
        follow_user(actor=make_user(), user_id=make_user().pk)
        transaction.set_rollback(True)
    assert run_jobs() == []


def test_old_records_are_deleted() -> None:
    now = timezone.now()
    kept, old = (
        FollowNotice.objects.create(follower=make_user(), followed=make_user(), created_at=at)
        for at in (now - timedelta(hours=23), now - timedelta(hours=25))
    )
    tasks.delete_old_follow_notices(timestamp=0)
    assert list(FollowNotice.objects.all()) == [kept]
    assert old.pk != kept.pk
