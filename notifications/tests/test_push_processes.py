"""Senders as processes: killed at each step, told to end, without PostgreSQL or Redis for a while."""

import time
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.utils.translation import override

from accounts.models import User
from accounts.tests.factories import make_user
from livestream.notification_kinds import STREAM_LIVE
from notifications.models import Device, Notification, Push
from notifications.services.notify import notify
from notifications.tests.fake_fcm import FakeFcm, unregistered
from notifications.tests.http2_server import Reply
from notifications.tests.senders import Recorder, RunningSender, SenderProcess, add_phone, wait_until
from soukloop.core.redis.client import redis_client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

KILL = """
import os, signal
from notifications.push import claims, fcm, sender
from notifications.services import pushes
def end(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
def after(function):
    def called(*args, **kwargs):
        result = function(*args, **kwargs)
        return result if result in ([], None) and function is claims_before else end()
    claims_before = claim_pushes
    return called
claim_pushes = claims.claim_pushes
"""
STEPS = {
    "while_it_claims": "pushes._claimed = end",
    "after_it_claimed": "claims.claim_pushes = after(claims.claim_pushes)",
    "before_it_sends": "fcm.FcmChannel.send = end",
    "after_an_answer": "sender.Sender._handle = end",
    "before_it_writes": "sender.write = end",
    "while_it_writes": "claims.finish_pushes = end",
    "after_it_wrote": "sender.write = after(sender.write)",
}


def tell_of_a_stream(*people: User) -> None:
    notify(
        user_ids=[person.pk for person in people],
        kind=STREAM_LIVE,
        params={"actor": "@noura", "stream": "Dates of Al Ain"},
        data={"stream_id": str(uuid4()), "seller_id": str(uuid4()), "category": "food"},
    )


def people_with_phones(count: int) -> list[User]:
    people = [make_user() for _ in range(count)]
    for person in people:
        add_phone(person, str(person.pk))
    return people


def all_finished() -> bool:
    return not Push.objects.filter(status__in=("pending", "sending")).exists()


def has_tried(fcm: FakeFcm, count: int) -> bool:
    return sum(fcm.requests.values()) >= count or all_finished()


def two_minutes_pass() -> None:
    Push.objects.filter(status="sending").update(claimed_at=F("claimed_at") - timedelta(seconds=121))


@pytest.mark.parametrize("step", STEPS)
def test_a_sender_killed_at_any_step_sends_nothing_twice(fcm: FakeFcm, step: str) -> None:
    people = people_with_phones(12)
    with SenderProcess(KILL + STEPS[step]) as killed:
        tell_of_a_stream(*people)
        killed.wait_until_killed()
    claimed_before = Push.objects.filter(status="sending").count()
    with RunningSender():
        wait_until(lambda: not Push.objects.filter(status="pending").exists())
    two_minutes_pass()
    with RunningSender():
        wait_until(all_finished)

    assert Notification.objects.count() == len(people)
    assert max(fcm.requests.values(), default=0) <= 1
    sent, lost = (Push.objects.filter(status=status).count() for status in ("sent", "lost"))
    assert sent + lost == len(people)
    assert lost == claimed_before
    assert sent <= sum(fcm.requests.values()) <= sent + lost


def test_a_sender_killed_before_the_answer_comes_sends_nothing_twice(fcm: FakeFcm) -> None:
    people = people_with_phones(12)
    for person in people:
        fcm.devices[str(person.pk)] = lambda: Reply(200, after=None)
    with SenderProcess() as killed:
        tell_of_a_stream(*people)
        wait_until(lambda: len(fcm.requests) == 12)
        killed.kill()
    two_minutes_pass()
    with RunningSender():
        wait_until(all_finished)
    assert set(fcm.requests.values()) == {1}
    assert set(Push.objects.values_list("status", flat=True)) == {"lost"}


def test_a_sender_killed_again_and_again_sends_nothing_twice(fcm: FakeFcm) -> None:
    people = people_with_phones(300)
    fcm.takes_after = 0.02
    tell_of_a_stream(*people)
    for number in range(4):
        with SenderProcess() as killed:
            wanted = 30 * (number + 1)
            wait_until(partial(has_tried, fcm, wanted))
            killed.kill()
        two_minutes_pass()
    with RunningSender():
        wait_until(all_finished)
    assert max(fcm.requests.values()) == 1
    assert Notification.objects.count() == 300
    assert set(Push.objects.values_list("status", flat=True)) <= {"sent", "lost"}


def test_a_dead_token_is_not_tried_again_after_a_kill(fcm: FakeFcm) -> None:
    [person] = people_with_phones(1)
    fcm.devices[str(person.pk)] = unregistered
    tell_of_a_stream(person)
    tell_of_a_stream(person)
    with SenderProcess(f"{KILL}\nclaims.forget_devices = after(claims.forget_devices)") as killed:
        killed.wait_until_killed()
    with RunningSender():
        time.sleep(0.7)
    assert fcm.requests[str(person.pk)] == 1
    assert not Device.objects.exists()


def test_a_sender_that_is_told_to_end_gives_back_what_it_did_not_send(fcm: FakeFcm) -> None:
    people = people_with_phones(600)
    for person in people:
        fcm.devices[str(person.pk)] = lambda: Reply(200, after=None)
    with SenderProcess() as ended:
        tell_of_a_stream(*people)
        wait_until(lambda: len(fcm.requests) == 400)
        began = time.monotonic()
        assert ended.end() == 0, ended.log
        assert time.monotonic() - began < 12
    # 400 requests were open, and their answers will never come. The others were not sent.
    lost, pending = (Push.objects.filter(status=status).count() for status in ("lost", "pending"))
    assert (lost, pending) == (400, 200)
    fcm.devices.clear()
    with RunningSender():
        wait_until(all_finished)
    assert set(fcm.requests.values()) == {1}


def test_a_sender_that_is_told_to_end_awaits_open_answers(fcm: FakeFcm) -> None:
    people = people_with_phones(20)
    fcm.takes_after = 1.0
    with SenderProcess() as ended:
        tell_of_a_stream(*people)
        wait_until(lambda: len(fcm.requests) == 20)
        assert ended.end() == 0, ended.log
    assert set(Push.objects.values_list("status", flat=True)) == {"sent"}


def test_two_processes_share_an_access_token(fcm: FakeFcm) -> None:
    people = people_with_phones(200)
    fcm.takes_after = 0.02
    with SenderProcess(), SenderProcess():
        tell_of_a_stream(*people)
        wait_until(all_finished, 40)
        assert fcm.tokens_fetched == 1
    redis_client().flushdb()
    with SenderProcess(), SenderProcess():
        tell_of_a_stream(*people)
        wait_until(all_finished, 40)
    assert fcm.tokens_fetched == 2
    assert set(fcm.requests.values()) == {2}


def test_a_sender_outlives_lost_connections_to_postgresql(fcm: FakeFcm) -> None:
    [person] = people_with_phones(1)
    with SenderProcess() as sender:
        tell_of_a_stream(person)
        wait_until(all_finished)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            time.sleep(0.05)
        tell_of_a_stream(person)
        wait_until(lambda: len(fcm.messages) == 2)
        assert sender.process.poll() is None
    assert fcm.requests[str(person.pk)] == 2


def test_a_sender_outlives_redis(fcm: FakeFcm, own_redis: Any) -> None:
    [person] = people_with_phones(1)
    with SenderProcess(environment={"REDIS_URL": own_redis.url}) as sender:
        own_redis.kill()
        tell_of_a_stream(person)
        wait_until(lambda: len(fcm.messages) == 1)
        own_redis.start()
        tell_of_a_stream(person)
        wait_until(lambda: len(fcm.messages) == 2)
        assert sender.process.poll() is None


def test_the_console_shows_pushes_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    person = make_user(language="ar")
    add_phone(person, "phone-in-development")
    with SenderProcess(environment={"FCM_CREDENTIALS": "", "DEBUG": "true"}) as sender:
        tell_of_a_stream(person)
        wait_until(all_finished)
        with override("ar"):
            title = str(STREAM_LIVE.title).partition("%")[2].partition(")s")[2].strip()
        wait_until(lambda: "Push to fcm phone-in-development… (ar, stream_live)" in sender.log)
        assert title
        assert title in sender.log
        assert sender.log.count("FCM_CREDENTIALS is not set: pushes to apps are printed here") == 1


def test_a_fan_out_holds_no_urgent_push_up(settings: Any) -> None:
    """Three thousand pushes wait, and their service takes 200 a second: an urgent one overtakes them."""
    crowd = people_with_phones(300)
    recorder = Recorder()
    recorder.takes, recorder.parallel_max = 0.05, 10
    for _ in range(10):
        tell_of_a_stream(*crowd)
    [person] = people_with_phones(1)
    with RunningSender({"fcm": recorder}):
        wait_until(lambda: len(recorder.sent) > 50)
        tell_of_a_stream(person)
        # By the device: with the statistics of new tables, PostgreSQL may take half a minute for a join.
        Push.objects.filter(device=person.devices.get()).update(priority=Push.Priority.HIGH)
        told = time.monotonic()
        wait_until(lambda: str(person.pk) in recorder.tokens)
        assert time.monotonic() - told < 5
