"""The sender: what it claims, what it leaves out, and what becomes of each push."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import transaction
from django.db.models.functions import Now

from accounts.models import Mute, User
from accounts.tests.factories import block, make_user
from livestream.notification_kinds import STREAM_LIVE
from notifications.kinds import PendingPush, register_attended_check
from notifications.models import Device, Notification, NotificationSettings, Push
from notifications.push.channels import Busy, Lost, Sent, Target, Unregistered
from notifications.push.sender import say_what_is_missing
from notifications.services.notify import notify
from notifications.services.pushes import lose_abandoned_pushes
from notifications.tests.factories import PLAIN, REPLACING
from notifications.tests.fake_fcm import FakeFcm, error, unregistered
from notifications.tests.fake_web_push import FakeWebPush
from notifications.tests.http2_server import Reply
from notifications.tests.senders import Recorder, RunningSender, add_browser, add_phone, wait_until
from soukloop.core.db.clock import database_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("test_kinds")]


def tell(*users: User, number: int = 1, kind: Any = REPLACING, actor: User | None = None) -> None:
    texts = {"actor": "Layla", "text": f"Hello {number}", "heading": "Hello"}
    notify(
        user_ids=[user.pk for user in users],
        kind=kind,
        params=texts,
        data={"n": 1, "number": number},
        actor_id=actor.pk if actor else None,
    )


def statuses() -> list[str]:
    return sorted(Push.objects.values_list("status", flat=True))


def all_finished() -> bool:
    return not Push.objects.filter(status__in=("pending", "sending")).exists()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def sender(recorder: Recorder) -> Iterator[RunningSender]:
    with RunningSender({"fcm": recorder, "webpush": recorder}) as running:
        yield running


def test_a_push_goes_out_soon_after_the_commit(sender: RunningSender, recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    with transaction.atomic():
        tell(person)
        time.sleep(0.5)
        assert recorder.sent == []
    wait_until(lambda: recorder.sent, 5)
    [(token, message)] = recorder.sent
    assert (token, message.title, message.body) == ("phone", "Layla", "Hello 1")
    assert (message.link, message.collapse_key, message.badge) == ("soukloop://tests/1", "test:1", 1)
    assert message.data == {"n": "1", "number": "1"}
    wait_until(all_finished)
    assert statuses() == ["sent"]


def test_nothing_goes_out_for_a_change_that_was_rolled_back(
    sender: RunningSender, recorder: Recorder
) -> None:
    person, other = make_user(), make_user()
    add_phone(person, "phone")
    add_phone(other, "other")
    with transaction.atomic():
        tell(person)
        transaction.set_rollback(True)
    tell(other)
    wait_until(lambda: recorder.sent)
    time.sleep(0.5)
    assert recorder.tokens == ["other"]


def test_a_person_reads_pushes_in_their_language(sender: RunningSender, recorder: Recorder) -> None:
    person = make_user(language="ar")
    add_phone(person, "phone")
    stream = {"stream_id": str(uuid4()), "seller_id": str(uuid4()), "category": "sneakers"}
    notify(user_ids=[person.pk], kind=STREAM_LIVE, params={"actor": "@noura", "stream": "تمور"}, data=stream)
    wait_until(lambda: recorder.sent)
    [(_, message)] = recorder.sent
    assert message.language == "ar"
    assert message.body == "تمور"
    assert "مباشر" in message.title


def test_several_notifications_of_one_key_are_one_push(recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    for number in range(5):
        tell(person, number=number)
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
    assert [message.body for _, message in recorder.sent] == ["Hello 4"]
    assert Notification.objects.count() == 1


def test_a_newer_version_follows_the_one_on_its_way(recorder: Recorder) -> None:
    recorder.takes = 0.7
    person = make_user()
    add_phone(person, "phone")
    tell(person, number=1)
    with RunningSender({"fcm": recorder}):
        wait_until(lambda: recorder.sent)
        tell(person, number=2)
        tell(person, number=3)
        wait_until(all_finished)
    assert [message.body for _, message in recorder.sent] == ["Hello 1", "Hello 3"]
    assert recorder.overlaps == 0


def test_two_senders_share_the_work_and_send_nothing_twice(recorder: Recorder) -> None:
    people = [make_user() for _ in range(20)]
    for person in people:
        for number in range(3):
            add_phone(person, f"{person.pk}-{number}")
    second = Recorder()
    recorder.takes = second.takes = 0.01
    with RunningSender({"fcm": recorder}), RunningSender({"fcm": second}):
        for number in range(10):
            notify(
                user_ids=[person.pk for person in people],
                kind=PLAIN,
                params={"heading": "Hello", "text": str(number)},
                data={"n": number},
            )
        wait_until(all_finished)
    sent = [(token, message.body) for token, message in recorder.sent + second.sent]
    assert len(sent) == len(set(sent)) == 600
    assert recorder.overlaps == second.overlaps == 0
    assert set(statuses()) == {"sent"}


def test_urgent_pushes_overtake_a_fan_out(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd, person = [make_user() for _ in range(30)], make_user()
    for each in [*crowd, person]:
        add_phone(each, str(each.pk))
    tell(*crowd)
    tell(person)
    Push.objects.filter(device__user=person).update(priority=Push.Priority.HIGH)
    recorder.parallel_max = 1
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
    assert recorder.tokens[0] == str(person.pk)
    assert len(recorder.sent) == 31


def read_it(person: User, actor: User) -> None:
    Notification.objects.update(read_at=Now())


def ban(person: User, actor: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False, banned_at=Now())


def ban_actor(person: User, actor: User) -> None:
    User.objects.filter(pk=actor.pk).update(is_active=False, banned_at=Now())


def block_actor(person: User, actor: User) -> None:
    block(person, actor)


def be_blocked(person: User, actor: User) -> None:
    block(actor, person)


def mute_actor(person: User, actor: User) -> None:
    Mute.objects.create(muter=person, muted=actor)


def switch_off(person: User, actor: User) -> None:
    NotificationSettings.objects.create(user=person, off=["push:test_replacing"])


def give_the_phone_away(person: User, actor: User) -> None:
    Device.objects.update(user=make_user())


@pytest.mark.parametrize(
    "happens",
    [
        read_it,
        ban,
        ban_actor,
        block_actor,
        be_blocked,
        mute_actor,
        switch_off,
        give_the_phone_away,
    ],
)
def test_a_push_that_nobody_must_get_any_more_is_suppressed(recorder: Recorder, happens: Any) -> None:
    person, actor, other = make_user(), make_user(), make_user()
    add_phone(person, "phone")
    tell(person, actor=actor)
    happens(person, actor)
    add_phone(other, "other")
    tell(other)
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
    assert recorder.tokens == ["other"]
    assert statuses() == ["sent", "suppressed"]


def test_the_actor_and_people_who_want_nothing_of_them_get_none(recorder: Recorder) -> None:
    actor, blocked, blocker, muter, banned, friend = (make_user() for _ in range(6))
    everybody = [actor, blocked, blocker, muter, banned, friend]
    for person in everybody:
        add_phone(person, str(person.pk))
    block(actor, blocked)
    block(blocker, actor)
    Mute.objects.create(muter=muter, muted=actor)
    User.objects.filter(pk=banned.pk).update(is_active=False, banned_at=Now())
    tell(*everybody, actor=actor)
    with RunningSender({"fcm": recorder}):
        wait_until(lambda: recorder.sent)
        wait_until(all_finished)
    assert recorder.tokens == [str(friend.pk)]
    assert Notification.objects.count() == Push.objects.count() == 1


@pytest.mark.parametrize("looks_away", [False, True])
def test_a_push_is_not_sent_while_somebody_looks_at_its_content_and_is_asked_about_once_more(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, settings: Any, looks_away: bool
) -> None:
    settings.PUSH_ATTENDED_ASKED_AGAIN = timedelta(seconds=0.3)
    asked: list[PendingPush] = []

    def attended(pushes: Any) -> set[int]:
        asked.extend(pushes)
        return set() if looks_away and len(asked) > 1 else {push.id for push in pushes}

    monkeypatch.setattr("notifications.kinds._attended_checks", {})
    register_attended_check(REPLACING, attended)
    person = make_user()
    add_phone(person, "phone")
    tell(person)
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
    assert len(recorder.sent) == (1 if looks_away else 0)
    assert statuses() == ["sent" if looks_away else "suppressed"]
    assert [(each.user_id, each.data["n"]) for each in asked] == [(person.pk, 1)] * 2


def test_a_push_that_came_too_late_expires(recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    tell(person)
    Push.objects.update(expires_at=database_now() - timedelta(seconds=1))
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
    assert (recorder.sent, statuses()) == ([], ["expired"])


def test_a_push_waits_for_its_time(recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    tell(person)
    Push.objects.update(not_before=database_now() + timedelta(seconds=2))
    with RunningSender({"fcm": recorder}):
        time.sleep(0.7)
        assert recorder.sent == []
        wait_until(all_finished)
    assert len(recorder.sent) == 1


def test_quiet_hours_hold_a_push_back(recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    now = database_now()
    quiet = NotificationSettings(user=person, time_zone="UTC")
    quiet.quiet_from = (now - timedelta(hours=1)).time()
    quiet.quiet_until = (now + timedelta(hours=1)).time()
    quiet.save()
    tell(person)
    with RunningSender({"fcm": recorder}):
        time.sleep(0.7)
    assert (recorder.sent, statuses()) == ([], ["pending"])
    assert Push.objects.get().not_before.time() == quiet.quiet_until


def test_the_badge_counts_what_is_unread_in_the_inbox(recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    for number in range(3):
        tell(person, number=number, kind=PLAIN)
    Notification.objects.filter(pk=Notification.objects.first().pk).update(is_in_inbox=False)  # type: ignore[union-attr]
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
    assert {message.badge for _, message in recorder.sent} == {2}


def test_a_dead_token_is_tried_once_whatever_is_queued_for_it(fcm: FakeFcm) -> None:
    people = [make_user() for _ in range(10)]
    for person in people:
        add_phone(person, str(person.pk))
        fcm.devices[str(person.pk)] = unregistered
        for number in range(3):
            tell(person, number=number, kind=PLAIN)
    assert Push.objects.count() == 30
    with RunningSender(), RunningSender():
        wait_until(lambda: not Device.objects.exists())
        wait_until(all_finished)
    assert set(fcm.requests.values()) == {1}
    assert len(fcm.requests) == 10
    assert not Push.objects.exists()


def test_a_token_that_was_registered_anew_is_not_forgotten(recorder: Recorder) -> None:
    recorder.takes = 0.5
    recorder.answer = lambda target: Unregistered("gone")
    person = make_user()
    device = add_phone(person, "old")
    tell(person)
    with RunningSender({"fcm": recorder}):
        wait_until(lambda: recorder.sent)
        Device.objects.update(token="new")
        wait_until(all_finished)
    assert Device.objects.get().pk == device.pk


@pytest.mark.parametrize("status", [429, 503])
def test_fcm_is_left_alone_for_as_long_as_it_wants(fcm: FakeFcm, status: int) -> None:
    answers = iter([error(status, "X", "Slow down", headers={"Retry-After": "2"})])
    first, second = make_user(), make_user()
    for person in (first, second):
        add_phone(person, str(person.pk))
    fcm.devices[str(first.pk)] = lambda: next(answers, None) or fcm.taken(1)
    tell(first)
    with RunningSender():
        wait_until(lambda: fcm.requests)
        refused = time.monotonic()
        tell(second)
        wait_until(lambda: len(fcm.messages) == 2)
        assert time.monotonic() - refused > 1.5
    assert fcm.requests == {str(first.pk): 2, str(second.pk): 1}
    assert statuses() == ["sent", "sent"]


def test_a_busy_service_gets_one_push_at_first_after_a_pause(recorder: Recorder) -> None:
    people = [make_user() for _ in range(30)]
    for person in people:
        add_phone(person, str(person.pk))
    recorder.takes = 0.05
    recorder.answer = lambda target: Busy("no", 0.6)
    tell(*people)
    with RunningSender({"fcm": recorder}):
        wait_until(lambda: len(recorder.sent) > 30)
        time.sleep(0.3)
        assert len(recorder.sent) <= 32  # all of them at first, then one at a time
        recorder.answer = lambda target: Sent()
        wait_until(all_finished)
    assert set(statuses()) == {"sent"}


def test_a_push_service_that_never_answers_holds_up_no_other(
    fcm: FakeFcm, web_push: FakeWebPush, settings: Any
) -> None:
    settings.PUSH_ANSWER_TIMEOUT = timedelta(seconds=3)
    silent = [web_push.subscribe() for _ in range(120)]
    for subscription in silent:
        web_push.answer_with(subscription, lambda: Reply(200, after=None))
        person = make_user()
        add_browser(person, subscription)
        tell(person)
    with RunningSender():
        wait_until(lambda: web_push.requests)
        person = make_user()
        add_phone(person, "phone")
        told = time.monotonic()
        tell(person)
        wait_until(lambda: fcm.messages)
        assert time.monotonic() - told < 2.5
        wait_until(lambda: Push.objects.filter(status="lost").exists())
    assert max(web_push.requests.values()) == 1


def test_one_broken_device_holds_nobody_up(recorder: Recorder) -> None:
    def answer(target: Target) -> Any:
        if target.token == "broken":
            raise RuntimeError("a bug")
        return Lost("no answer") if target.token == "lost" else Sent()

    recorder.answer = answer
    for token in ("broken", "lost", "a", "b"):
        person = make_user()
        add_phone(person, token)
        tell(person)
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
    assert statuses() == ["lost", "refused", "sent", "sent"]
    assert sorted(recorder.tokens) == ["a", "b", "broken", "lost"]


def test_an_expired_subscription_is_forgotten(
    web_push: FakeWebPush, vapid_key: ec.EllipticCurvePrivateKey
) -> None:
    person, subscription = make_user(), web_push.subscribe()
    add_browser(person, subscription)
    web_push.answer_with(subscription, lambda: Reply(410))
    tell(person)
    with RunningSender():
        wait_until(lambda: not Device.objects.exists())
    assert web_push.requests_of(subscription) == 1
    assert not Push.objects.exists()


def test_a_push_of_a_sender_that_is_gone_is_lost_and_not_sent_again(recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    tell(person)
    Push.objects.update(
        status="sending", claimed_version=1, claimed_at=database_now() - timedelta(seconds=119)
    )
    assert lose_abandoned_pushes() == []
    Push.objects.update(claimed_at=database_now() - timedelta(seconds=121))
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
        time.sleep(0.5)
    assert (recorder.sent, statuses()) == ([], ["lost"])


def test_a_newer_version_goes_out_after_its_sender_is_gone(recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    tell(person, number=1)
    Push.objects.update(
        status="sending", claimed_version=1, claimed_at=database_now() - timedelta(seconds=121)
    )
    tell(person, number=2)
    with RunningSender({"fcm": recorder}):
        wait_until(all_finished)
    assert [message.body for _, message in recorder.sent] == ["Hello 2"]


def test_without_credentials_pushes_are_refused_in_production(recorder: Recorder) -> None:
    person = make_user()
    add_phone(person, "phone")
    tell(person)
    with RunningSender({}):
        wait_until(all_finished)
    assert Push.objects.get().error == "no credentials for fcm"


@pytest.mark.parametrize(("debug", "what"), [(True, "printed here"), (False, "refused")])
def test_missing_credentials_are_said_once_at_the_start(
    settings: Any, caplog: pytest.LogCaptureFixture, debug: bool, what: str
) -> None:
    settings.DEBUG, settings.FCM_CREDENTIALS, settings.VAPID_PRIVATE_KEY = debug, "", ""
    say_what_is_missing()
    assert [record.message for record in caplog.records] == [
        f"FCM_CREDENTIALS is not set: pushes to apps are {what}",
        f"VAPID_PRIVATE_KEY is not set: pushes to browsers are {what}",
    ]
