"""One-time codes: storage, delivery, guesses, limits (contract 1.3 and 1.4)."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import OtpChallenge
from accounts.tasks import delete_expired_rows, deliver_code
from accounts.tests.calls import AUTH, EMAIL, PHONE, code_in_redis, code_of, deliver, send, verify, wrong
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


def test_the_code_of_contract_1_3_is_in_redis_and_verifies_once(guest: Any, buyer: Any, debug: Any) -> None:
    answer = send(guest, type="email")
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "message": f"OTP sent to {EMAIL}", "expires_in": 600}
    code = code_in_redis()
    assert len(code) == 6
    assert code.isdigit()
    assert 595 <= redis_client().ttl(f"otp:{EMAIL}") <= 600

    answer = verify(guest, code)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "message": "OTP verified successfully"}
    buyer.refresh_from_db()
    assert buyer.is_verified
    assert redis_client().get(f"otp:{EMAIL}") is None
    assert code_of(verify(guest, code)) == (400, "otp_invalid")


def test_without_debug_the_code_is_stored_nowhere_in_plain_text(guest: Any, buyer: Any) -> None:
    send(guest)
    deliver()
    [message] = mail.outbox
    code = message.body[:6]
    assert code.isdigit()
    assert code not in code_in_redis()
    assert len(code_in_redis()) == 64
    challenge = OtpChallenge.objects.get()
    assert code not in challenge.encrypted_code
    job = ProcrastinateJob.objects.get()
    assert job.args.keys() == {"challenge_id", "nonce", "_context"}  # the request's id
    assert code not in str(job.args)
    assert verify(guest, code).status_code == 200


@pytest.mark.parametrize(
    ("identifier", "kind", "stored"),
    [
        (" TestBuyer@SoukLoop.com", "email", EMAIL),
        ("TestBuyer@SoukLoop.com", None, EMAIL),
        ("050 123 4567", "phone", PHONE),
        ("+971 50 123 4567", "sms", PHONE),
        ("00971501234567", None, PHONE),
    ],
)
def test_a_code_sent_to_one_spelling_verifies_another(
    guest: Any, buyer: Any, debug: Any, identifier: Any, kind: Any, stored: Any
) -> None:
    answer = send(guest, identifier, **({"type": kind} if kind else {}))
    assert answer.json()["message"] == f"OTP sent to {stored}"
    assert verify(guest, code_in_redis(stored), identifier).status_code == 200
    buyer.refresh_from_db()
    assert buyer.is_verified


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"identifier": "testbuyer"},
        {"identifier": "testbuyer", "type": "email"},
        {"identifier": PHONE, "type": "email"},
        {"identifier": EMAIL, "type": "phone"},
        {"identifier": EMAIL, "type": "fax"},
        {"identifier": ["x"]},
        {"identifier": "a\x00b@example.com"},
    ],
)
def test_an_invalid_identifier_is_refused_and_nothing_is_sent(guest: Any, buyer: Any, body: Any) -> None:
    answer = guest.post(f"{AUTH}/send-otp", body)
    assert code_of(answer) == (400, "validation_error")
    assert set(answer.json()["error"]["details"]) <= {"identifier", "type"}
    assert redis_client().keys("otp:*") == []
    assert not ProcrastinateJob.objects.exists()


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "١٢٣٤٥", " 12345", "1٣4٥", None, [], {}])
def test_a_malformed_code_is_refused_and_not_counted_as_a_guess(guest: Any, buyer: Any, code: Any) -> None:
    send(guest)
    answer = guest.post(f"{AUTH}/verify-otp", {"identifier": EMAIL, "otp_code": code}, format="json")
    assert code_of(answer) == (400, "validation_error")
    assert OtpChallenge.objects.get().guesses == 0


@pytest.mark.parametrize(
    "typed",
    [
        lambda code: code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
        lambda code: code.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")),
        lambda code: code.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f" {code[:3]}\u00a0{code[3:]} ",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: f"\u200f{code}\u200e",
        lambda code: f"\u2068{code}\u2069",
        lambda code: f"\u202a{code}\u202c\n",
    ],
)
def test_a_code_is_accepted_as_people_type_or_paste_it(
    guest: Any, buyer: Any, debug: Any, typed: Any
) -> None:
    send(guest)
    assert verify(guest, typed(code_in_redis())).status_code == 200


@pytest.mark.parametrize(
    "identifier", [f"\u200e{PHONE}", "\u202a+971 50 123 4567\u202c", "\u2068٠٥٠ ١٢٣ ٤٥٦٧\u2069"]
)
def test_a_phone_is_accepted_as_messengers_paste_it(
    guest: Any, buyer: Any, debug: Any, identifier: str
) -> None:
    assert send(guest, identifier).json()["message"] == f"OTP sent to {PHONE}"
    assert verify(guest, code_in_redis(PHONE), identifier).status_code == 200


def test_a_code_is_mailed_to_no_address_that_the_rules_refuse_now(guest: Any, buyer: Any) -> None:
    send(guest)
    for address in (
        "x@localhost",
        "x@[127.0.0.1]",
        '"x\ny"@example.com',
        "x@example.com\r\nbcc: y@example.com",
    ):
        buyer.email = address
        buyer.save()
        OtpChallenge.objects.update(identifier=address)
        deliver()
    assert mail.outbox == []


# --- Who has an account and who hasn't ---------------------------------------------------------------


def test_an_unknown_identifier_gets_the_same_responses_for_the_same_queries(
    guest: Any, buyer: Any, debug: Any
) -> None:
    def call_all(identifier: Any) -> Any:
        answers, queries = [], []
        for call in (
            lambda: send(guest, identifier),
            lambda: verify(guest, wrong(code_in_redis(identifier)), identifier),
            lambda: send(guest, identifier),
        ):
            with CaptureQueriesContext(
                connection,
            ) as context:
                answer = call()
            answers.append((answer.status_code, answer.content.decode().replace(identifier, "X")))
            queries.append([re.findall(r"^\w+|accounts_\w+", query["sql"]) for query in context])
        return answers, queries

    known, unknown = call_all(EMAIL), call_all("nobody@soukloop.com")
    assert known == unknown
    assert not any("accounts_user" in query for call in known[1] for query in call)


def test_an_unknown_email_gets_no_mail_and_its_code_verifies_nothing(
    guest: Any, db: None, debug: Any
) -> None:
    send(guest, "stranger@example.com")
    deliver()
    assert mail.outbox == []
    assert code_of(verify(guest, code_in_redis("stranger@example.com"), "stranger@example.com")) == (
        400,
        "otp_invalid",
    )
    assert redis_client().get("otp:stranger@example.com") is None


# --- Guessing ----------------------------------------------------------------------------------------


def test_a_right_fifth_guess_is_accepted(guest: Any, buyer: Any, debug: Any) -> None:
    send(guest)
    code = code_in_redis()
    for _ in range(4):
        assert code_of(verify(guest, wrong(code))) == (400, "otp_invalid")
    assert verify(guest, code).status_code == 200


def test_five_wrong_guesses_void_the_code_and_a_new_code_gives_five_more(
    guest: Any, buyer: Any, debug: Any
) -> None:
    send(guest)
    code = code_in_redis()
    for _ in range(5):
        assert code_of(verify(guest, wrong(code))) == (400, "otp_invalid")
    assert redis_client().get(f"otp:{EMAIL}") is None
    assert code_of(verify(guest, code)) == (400, "otp_invalid")
    buyer.refresh_from_db()
    assert not buyer.is_verified

    send(guest)
    assert verify(guest, code_in_redis()).status_code == 200


def test_losing_redis_allows_no_more_guesses(guest: Any, buyer: Any, debug: Any) -> None:
    send(guest)
    code = code_in_redis()
    for _ in range(5):
        verify(guest, wrong(code))
        redis_client().flushdb()
        redis_client().set(f"otp:{EMAIL}", code)
    assert code_of(verify(guest, code)) == (400, "otp_invalid")
    assert OtpChallenge.objects.get().guesses == 5


def test_a_code_lost_with_redis_is_refused(guest: Any, buyer: Any, debug: Any) -> None:
    send(guest)
    code = code_in_redis()
    redis_client().flushdb()
    assert code_of(verify(guest, code)) == (400, "otp_invalid")


def test_only_the_latest_code_is_accepted(guest: Any, buyer: Any, debug: Any) -> None:
    send(guest)
    first = code_in_redis()
    while (second := code_in_redis()) == first:
        redis_client().flushdb()
        send(guest)
    assert code_of(verify(guest, first)) == (400, "otp_invalid")
    assert verify(guest, second).status_code == 200


def test_a_code_expires_after_ten_minutes(guest: Any, buyer: Any, debug: Any) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        send(guest)
        code = code_in_redis()
        clock.shift(timedelta(minutes=10))
        assert code_of(verify(guest, code)) == (400, "otp_invalid")
        clock.shift(1)
        delete_expired_rows(0)
    assert not OtpChallenge.objects.exists()


def test_three_codes_are_sent_in_ten_minutes_whatever_the_spelling(guest: Any, buyer: Any) -> None:
    for spelling in (EMAIL, EMAIL.upper(), f" {EMAIL}"):
        assert send(guest, spelling).status_code == 200
    stored = code_in_redis()
    answer = send(guest)
    assert code_of(answer) == (429, "rate_limited")
    assert 590 <= int(answer.headers["Retry-After"]) <= 600
    assert code_in_redis() == stored
    assert send(guest, PHONE).status_code == 200


def test_without_redis_sending_and_verifying_are_503_and_change_nothing(
    guest: Any, buyer: Any, debug: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(guest)
    code = code_in_redis()

    def refuse_connection(*args: Any, **kwargs: Any) -> None:
        raise RedisConnectionError("refused")

    with monkeypatch.context() as patch:
        patch.setattr("redis.Connection.connect", refuse_connection)
        redis_client().connection_pool.disconnect()
        assert code_of(send(guest)) == (503, "unavailable")
        assert code_of(verify(guest, code)) == (503, "unavailable")
    assert OtpChallenge.objects.get().guesses == 0
    assert ProcrastinateJob.objects.count() == 1
    assert verify(guest, code).status_code == 200


# --- Delivery ----------------------------------------------------------------------------------------


def test_email_and_text_message_contain_the_code(
    guest: Any, buyer: Any, debug: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    send(guest)
    send(guest, PHONE)
    deliver()
    [message] = mail.outbox
    assert message.to == [EMAIL]
    assert message.body.startswith(f"{code_in_redis()} is your Souk Loop code.")
    assert capsys.readouterr().out.startswith(f"SMS to {PHONE}: {code_in_redis(PHONE)} is your")


def test_a_late_delivery_job_sends_nothing(guest: Any, buyer: Any, debug: Any) -> None:
    send(guest)
    send(guest)
    older = ProcrastinateJob.objects.earliest("id")
    deliver_code(**older.args)
    assert mail.outbox == []

    verify(guest, code_in_redis())
    deliver()
    assert mail.outbox == []

    send(guest)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        deliver()
    assert mail.outbox == []


def test_no_log_line_contains_the_code(
    guest: Any, buyer: Any, debug: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        send(guest)
        code = code_in_redis()
        deliver()
        verify(guest, code)
    assert code not in caplog.text
