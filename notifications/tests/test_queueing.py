"""Which pushes a notification is written with, and when each is due."""

import dataclasses
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Mute, User
from accounts.tests.factories import make_user
from notifications.kinds import KINDS
from notifications.models import Notification, NotificationSettings, Push
from notifications.services.inbox import mark_read
from notifications.services.notify import notify
from notifications.tests.factories import PLAIN, REPLACING, make_device, make_notification

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("test_kinds")]


def switch(user: User, **values: Any) -> None:
    NotificationSettings.objects.update_or_create(user=user, defaults=values)


def replace(user: User, text: str) -> None:
    notify(user_ids=[user.pk], kind=REPLACING, params={"actor": "Layla", "text": text}, data={"n": 1})


def test_each_device_of_each_recipient_gets_one_push() -> None:
    me, other, nobody = make_user(), make_user(), make_user()
    devices = {make_device(me).pk, make_device(me, platform="webpush").pk, make_device(other).pk}
    make_device(make_user())
    content: dict[str, Any] = {"params": {"heading": "Hi", "text": ""}, "data": {"n": 1}}
    notify(user_ids=[me.pk, other.pk, nobody.pk], kind=PLAIN, **content)
    assert set(Push.objects.values_list("device", flat=True)) == devices
    assert all(push.notification.user_id == push.device.user_id for push in Push.objects.all())
    push = Push.objects.all()[0]
    assert (push.status, push.version, push.attempts, push.priority) == ("pending", 1, 0, 1)
    assert push.not_before == push.notification.created_at
    assert push.expires_at == push.notification.created_at + PLAIN.expires_after


def test_nothing_is_queued_for_a_change_that_is_rolled_back() -> None:
    me = make_device(make_user()).user
    with transaction.atomic():
        make_notification(me)
        assert Push.objects.exists()
        transaction.set_rollback(True)
    assert not Push.objects.exists()
    assert not Notification.objects.exists()


def test_a_kind_that_is_switched_off_is_not_pushed_or_not_listed() -> None:
    me = make_device(make_user()).user
    switch(me, off=["push:test"])
    make_notification(me)
    assert (Notification.objects.get().is_in_inbox, Push.objects.count()) == (True, 0)
    switch(me, off=["inbox:test"])
    make_notification(me)
    assert Notification.objects.filter(is_in_inbox=False).count() == Push.objects.count() == 1
    switch(me, off=["inbox:test", "push:test", "email:test"])
    make_notification(me)
    assert Notification.objects.count() == 2


def test_muted_people_cause_no_notification_and_are_not_told() -> None:
    me, muted = make_device(make_user()).user, make_device(make_user()).user
    Mute.objects.create(muter=me, muted=muted)
    content: dict[str, Any] = {"kind": PLAIN, "params": {"heading": "Hi", "text": ""}, "data": {"n": 1}}
    assert notify(user_ids=[me.pk], actor_id=muted.pk, **content) == 0
    assert not Push.objects.exists()
    assert notify(user_ids=[muted.pk], actor_id=me.pk, **content) == 1


def test_a_newer_version_is_pushed_again_by_the_same_row() -> None:
    me = make_device(make_user()).user
    replace(me, "One")
    replace(me, "Two")
    push = Push.objects.get()
    assert (push.version, push.status) == (2, "pending")
    Push.objects.update(status="sent", finished_at=push.not_before, attempts=1)
    replace(me, "Three")
    push = Push.objects.get()
    assert (push.version, push.status, push.attempts, push.finished_at) == (3, "pending", 0, None)
    mark_read(actor=me, ids=None)
    replace(me, "Four")
    assert Push.objects.count() == 2


# Local time in Dubai is four hours ahead; in London it went back on 25 October 2026 at 01:00 UTC.
NIGHT = (time(22), time(7))


@pytest.mark.parametrize(
    ("now", "zone", "quiet", "due"),
    [
        ("2026-11-27T17:59:59Z", "Asia/Dubai", NIGHT, "2026-11-27T17:59:59Z"),
        ("2026-11-27T18:00:00Z", "Asia/Dubai", NIGHT, "2026-11-28T03:00:00Z"),
        ("2026-11-27T21:30:00Z", "Asia/Dubai", NIGHT, "2026-11-28T03:00:00Z"),
        ("2026-11-28T02:59:59Z", "Asia/Dubai", NIGHT, "2026-11-28T03:00:00Z"),
        ("2026-11-28T03:00:00Z", "Asia/Dubai", NIGHT, "2026-11-28T03:00:00Z"),
        ("2026-11-27T09:30:00Z", "Asia/Dubai", (time(13), time(14, 15)), "2026-11-27T10:15:00Z"),
        ("2026-11-27T10:15:00Z", "Asia/Dubai", (time(13), time(14, 15)), "2026-11-27T10:15:00Z"),
        ("2026-10-24T22:30:00Z", "Europe/London", NIGHT, "2026-10-25T07:00:00Z"),
        ("2026-10-23T22:30:00Z", "Europe/London", NIGHT, "2026-10-24T06:00:00Z"),
        ("2026-11-27T18:00:00Z", "Asia/Dubai", None, "2026-11-27T18:00:00Z"),
    ],
)
def test_in_quiet_hours_a_push_waits_for_their_end(
    monkeypatch: pytest.MonkeyPatch, now: str, zone: str, quiet: tuple[time, time] | None, due: str
) -> None:
    written = datetime.fromisoformat(now).astimezone(UTC)
    monkeypatch.setattr("notifications.services.notify.database_now", lambda: written)
    me = make_device(make_user()).user
    starts, ends = quiet or (None, None)
    switch(me, time_zone=zone, quiet_from=starts, quiet_until=ends)
    make_notification(me)
    assert Push.objects.get().not_before == datetime.fromisoformat(due)


def test_a_push_that_would_expire_in_the_quiet_hours_is_not_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    night = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    monkeypatch.setattr("notifications.services.notify.database_now", lambda: night)
    me = make_device(make_user()).user
    switch(me, quiet_from=NIGHT[0], quiet_until=NIGHT[1])
    monkeypatch.setitem(KINDS, PLAIN.name, dataclasses.replace(PLAIN, expires_after=timedelta(hours=9)))
    make_notification(me)
    assert (Notification.objects.count(), Push.objects.count()) == (1, 0)
    longer = timedelta(hours=9, seconds=1)
    monkeypatch.setitem(KINDS, PLAIN.name, dataclasses.replace(PLAIN, expires_after=longer))
    make_notification(me)
    assert Push.objects.count() == 1
