"""Parallel requests in real transactions: one row, one login, five guesses."""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.authentication import authenticate_sockets
from accounts.models import Block, Follow, OtpChallenge, OtpEvent, RefreshFamily, User
from accounts.services import moderation, relations, token_use
from accounts.services.logins import open_login
from accounts.tests.calls import code_in_redis, log_in, me_with, send, verify, wrong
from accounts.tests.factories import PASSWORD, client_for, make_staff, make_user
from soukloop.core.errors import DomainError
from soukloop.core.redis.client import redis_client
from soukloop.core.redis.rate_limits import declared_limits
from soukloop.realtime.sessions import Credentials, SocketUser

pytestmark = pytest.mark.django_db(transaction=True)

AUTH = "/api/v1/auth"


@pytest.fixture(autouse=True)
def no_limits(settings: Any, quick_hashing: None) -> None:
    settings.RATE_LIMITS = dict.fromkeys([*settings.RATE_LIMITS, *declared_limits()], (100_000, 60))


def at_once(calls: Sequence[Callable[[], Any]], threads: int = 8) -> list[Any]:
    """Run all calls from threads that start together; each gives its database connection back."""
    barrier = threading.Barrier(min(threads, len(calls)))
    started = itertools.count()

    def run(call: Callable[[], Any]) -> Any:
        if next(started) < barrier.parties:
            barrier.wait(timeout=30)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(barrier.parties) as pool:
        return list(pool.map(run, calls))


def statuses(answers: Sequence[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_one_email_in_two_letter_cases_is_registered_once() -> None:
    def register(number: int) -> Any:
        email = "Layla@Example.com" if number % 2 else "layla@example.COM"
        body = {"email": email, "username": f"layla{number}", "password": PASSWORD}
        return APIClient().post(f"{AUTH}/register", body)

    for _ in range(3):
        User.objects.all().delete()
        answers = at_once([partial(register, number) for number in range(8)])
        assert statuses(answers) == {201: 1, 409: 7}
        assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} == {"email_taken"}
        assert list(User.objects.values_list("email", flat=True)) == ["layla@example.com"]


@pytest.mark.parametrize("field", ["username", "phone"])
def test_one_username_or_phone_is_registered_once(field: Any) -> None:
    same = {"username": ["Layla", "lAYLA"], "phone": ["+971501234567", "050 123 4567"]}[field]

    def register(number: int) -> Any:
        body = {"email": f"layla{number}@example.com", "username": f"layla{number}", "password": PASSWORD}
        return APIClient().post(f"{AUTH}/register", body | {field: same[number % 2]})

    answers = at_once([partial(register, number) for number in range(6)])
    assert statuses(answers) == {201: 1, 409: 5}
    assert User.objects.count() == 1


def test_parallel_requests_with_one_idempotency_key_create_one_account() -> None:
    body = {"email": "layla@example.com", "username": "layla", "password": PASSWORD}

    def register() -> Any:
        return APIClient().post(f"{AUTH}/register", body, headers={"Idempotency-Key": "k"})

    answers = at_once([register] * 6)
    assert statuses(answers) == {201: 6}
    assert len({answer.json()["data"]["user"]["id"] for answer in answers}) == 1
    assert User.objects.count() == 1


def test_a_hundred_uses_of_one_refresh_token_rotate_it_once() -> None:
    user = make_user()
    first = log_in(APIClient(), user.email).json()["data"]["refresh_token"]

    def refresh(token: str) -> Any:
        return APIClient().post(f"{AUTH}/refresh", {"refresh_token": token})

    answers = at_once([lambda: refresh(first)] * 100)
    assert statuses(answers) == {200: 100}
    assert len({answer.json()["data"]["refresh_token"] for answer in answers}) == 1
    family = RefreshFamily.objects.get()
    assert family.revoked_at is None
    successor = answers[0].json()["data"]["refresh_token"]
    assert refresh(successor).status_code == 200


def test_a_hundred_uses_after_the_successor_was_used_end_the_family() -> None:
    user = make_user()
    token = log_in(APIClient(), user.email).json()["data"]["refresh_token"]
    successor = APIClient().post(f"{AUTH}/refresh", {"refresh_token": token}).json()["data"]
    assert me_with(APIClient(), successor["access_token"]).status_code == 200
    answers = at_once([lambda: APIClient().post(f"{AUTH}/refresh", {"refresh_token": token})] * 100)
    assert statuses(answers) == {401: 100}
    assert {answer.json()["error"]["code"] for answer in answers} == {"token_revoked"}
    assert RefreshFamily.objects.get().revoked_at is not None


def test_handshakes_of_the_same_logins_in_parallel_batches_all_succeed() -> None:
    tokens = [open_login(make_user()).access_token for _ in range(12)]
    for _ in range(5):
        token_use._recorded.clear()
        RefreshFamily.objects.update(is_current_used=False)
        batches = [[Credentials(token=token) for token in random.sample(tokens, 12)] for _ in range(8)]
        for found in at_once([partial(authenticate_sockets, batch) for batch in batches]):
            assert all(isinstance(user, SocketUser) for user in found)
        assert not RefreshFamily.objects.filter(is_current_used=False).exists()


def test_a_first_use_during_repeated_refreshes_leaves_one_usable_pair_or_none() -> None:
    user = make_user()
    for _ in range(6):
        token = log_in(APIClient(), user.email).json()["data"]["refresh_token"]
        pair = APIClient().post(f"{AUTH}/refresh", {"refresh_token": token}).json()["data"]
        retry = partial(APIClient().post, f"{AUTH}/refresh", {"refresh_token": token})
        use = partial(me_with, APIClient(), pair["access_token"])
        answers = at_once([retry, use, retry, use, retry])
        assert {answers[1].status_code, answers[3].status_code} == {200}
        retried = [answer for answer in answers[::2] if answer.status_code == 200]
        assert {answer.json()["data"]["refresh_token"] for answer in retried} <= {pair["refresh_token"]}
        again = APIClient().post(f"{AUTH}/refresh", {"refresh_token": pair["refresh_token"]})
        assert again.status_code == (200 if len(retried) == 3 else 401)


def test_logging_out_everywhere_while_refreshing_leaves_no_login() -> None:
    user = make_user()
    for _ in range(3):
        token = log_in(APIClient(), user.email).json()["data"]["refresh_token"]
        user.refresh_from_db()
        client = client_for(user)
        calls = [lambda token=token: APIClient().post(f"{AUTH}/refresh", {"refresh_token": token})] * 6
        calls.insert(3, lambda client=client: client.post(f"{AUTH}/logout-all"))
        answers = at_once(calls)
        assert set(statuses(answers)) <= {200, 401}
        assert not RefreshFamily.objects.filter(revoked_at=None).exists()
        for answer in answers:
            if answer.status_code == 200 and "access_token" in answer.json()["data"]:
                guest = APIClient()
                guest.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['data']['access_token']}")
                assert guest.get(f"{AUTH}/me").status_code == 401


def test_parallel_wrong_guesses_void_the_code_after_five(settings: Any) -> None:
    settings.DEBUG = True
    make_user(email="testbuyer@soukloop.com", is_verified=False)
    send(APIClient())
    code = code_in_redis()
    guesses = [f"{(int(code) + step) % 1_000_000:06}" for step in range(1, 25)]
    answers = at_once([partial(verify, APIClient(), guess) for guess in guesses])
    assert statuses(answers) == {400: 24}
    assert OtpChallenge.objects.get().guesses == 5
    assert redis_client().get("otp:testbuyer@soukloop.com") is None
    assert verify(APIClient(), code).status_code == 400
    assert not User.objects.get().is_verified


def test_parallel_requests_use_a_code_once(settings: Any) -> None:
    settings.DEBUG = True
    make_user(email="testbuyer@soukloop.com", is_verified=False)
    send(APIClient())
    code = code_in_redis()

    def reset(number: int) -> Any:
        body = {
            "identifier": "testbuyer@soukloop.com",
            "otp_code": code,
            "new_password": f"Better{number}!@#x",
        }
        return APIClient().post(f"{AUTH}/reset-password", body)

    answers = at_once([partial(reset, number) for number in range(8)])
    assert statuses(answers) == {200: 1, 400: 7}
    [winner] = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert User.objects.get().check_password(f"Better{winner}!@#x")


def test_a_contact_confirmed_during_a_recovery_by_the_other_does_not_outlast_it(settings: Any) -> None:
    settings.DEBUG = True
    for number in range(6):
        email, phone = f"victim{number}@example.com", f"+97150765432{number}"
        user = make_user(email=email, phone=phone, is_verified=False)
        User.objects.filter(pk=user.pk).update(email_confirmed_at=timezone.now())  # without a login
        attacker, victim = client_for(user), APIClient()
        send(victim, email), send(victim, phone)
        recovery = {"identifier": email, "otp_code": code_in_redis(email), "new_password": "Better456!@#"}
        code = code_in_redis(phone)
        add_phone = partial(verify, attacker, code, phone)
        answers = at_once([add_phone, partial(victim.post, f"{AUTH}/reset-password", recovery)])
        assert answers[1].status_code == 200
        user.refresh_from_db()
        assert (user.email, user.phone, user.phone_confirmed_at) == (email, None, None)
        assert user.check_password("Better456!@#")


def test_an_address_taken_off_during_registrations_is_registered_once(settings: Any) -> None:
    settings.DEBUG = True
    for number in range(4):
        email = f"victim{number}@example.com"
        holder = make_user(email=email, phone=f"+97150765432{number}")
        User.objects.filter(pk=holder.pk).update(email_confirmed_at=None)
        send(APIClient(), email)
        body = {"email": email, "password": PASSWORD}
        calls: list[Callable[[], Any]] = [partial(verify, APIClient(), code_in_redis(email), email)]
        calls += [
            partial(APIClient().post, f"{AUTH}/register", body | {"username": f"new{number}.{nth}"})
            for nth in range(5)
        ]
        answers = at_once(calls)
        assert answers[0].status_code in (200, 409)
        assert User.objects.filter(email=email).count() <= 1
        holder.refresh_from_db()
        assert holder.email is None
        assert statuses(answers[1:])[201] <= 1


def test_parallel_send_requests_leave_one_valid_code(settings: Any) -> None:
    settings.DEBUG = True
    make_user(email="testbuyer@soukloop.com", is_verified=False)
    assert statuses(at_once([lambda: send(APIClient())] * 12)) == {200: 12}
    assert OtpChallenge.objects.count() == 1
    code = code_in_redis()
    assert verify(APIClient(), wrong(code)).status_code == 400
    assert verify(APIClient(), code).status_code == 200


def test_one_of_two_parallel_password_changes_succeeds() -> None:
    user = make_user()
    calls = [
        lambda number=number: client_for(user).post(
            f"{AUTH}/change-password",
            {"current_password": PASSWORD, "new_password": f"Better{number}!@#x"},
        )
        for number in range(4)
    ]
    answers = at_once(calls)
    assert statuses(answers)[200] == 1
    assert set(statuses(answers)) <= {200, 400, 401}
    assert RefreshFamily.objects.filter(revoked_at=None).count() == 1


def test_parallel_follows_are_stored_once() -> None:
    user, seller = make_user(), make_user()
    answers = at_once([lambda: client_for(user).post(f"/api/v1/users/{seller.pk}/follow")] * 12)
    assert statuses(answers) == {200: 12}
    assert Follow.objects.count() == 1


def test_a_follow_and_a_block_in_parallel_leave_no_follow() -> None:
    for _ in range(10):
        follower, blocker = make_user(), make_user()

        def follow(a: User = follower, b: User = blocker) -> None:
            with suppress(DomainError):
                relations.follow_user(actor=a, user_id=b.pk)

        def block(a: User = blocker, b: User = follower) -> None:
            relations.block_user(actor=a, user_id=b.pk)

        at_once([follow, block, follow, block])
    assert Block.objects.count() == 10
    assert not Follow.objects.exists()


def test_two_parallel_bans_ban_once() -> None:
    user, staff = make_user(), [make_staff() for _ in range(4)]

    def ban(actor: User) -> str:
        try:
            moderation.ban_user(actor=actor, user_id=user.pk, reason="x")
        except DomainError as error:
            return error.code
        return "banned"

    outcomes = at_once([partial(ban, actor) for actor in staff])
    assert Counter(outcomes) == {"banned": 1, "already_banned": 3}
    user.refresh_from_db()
    assert user.token_version == 1


def test_deleting_an_account_twice_during_a_login_leaves_it_deleted() -> None:
    user = make_user()
    client = client_for(user)
    calls = [lambda: client.delete(f"{AUTH}/me", {"password": PASSWORD})] * 2
    calls += [lambda: log_in(APIClient(), user.email)] * 4
    answers = at_once(calls)
    assert set(statuses(answers)) <= {200, 401}
    user.refresh_from_db()
    assert not user.is_active
    for answer in answers:
        token = (answer.json().get("data") or {}).get("access_token")
        if token:
            guest = APIClient()
            guest.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
            assert guest.get(f"{AUTH}/me").status_code == 401


def test_parallel_guesses_from_many_addresses_stay_within_the_daily_limit(settings: Any) -> None:
    settings.DEBUG = True
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False
    user = make_user(email="layla@example.com", phone="+971501234567", is_verified=False)
    contacts = [str(user.email), str(user.phone)]
    for contact in contacts:
        assert send(APIClient(REMOTE_ADDR="203.0.113.7"), contact).status_code == 200
    codes = {contact: code_in_redis(contact) for contact in contacts}
    calls = [
        lambda ip=f"198.18.{number}.1", contact=contact: verify(
            APIClient(REMOTE_ADDR=ip), wrong(codes[contact]), contact
        )
        for number in range(20)
        for contact in contacts
    ]
    answers = at_once(calls)
    assert statuses(answers) == {400: 20, 429: 20}
    for contact in contacts:
        assert OtpEvent.objects.filter(kind=OtpEvent.Kind.WRONG_GUESS, identifier=contact).count() == 10
    # Each contact had its ten, the account fourteen: no right code is accepted from an unknown address.
    answer = verify(APIClient(REMOTE_ADDR="203.0.113.7"), codes[contacts[0]], contacts[0])
    assert answer.status_code == 429
    user.refresh_from_db()
    assert not user.is_verified
