"""Limits of codes and passwords stop guessing, and no stranger can use up those of somebody else."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import KnownAddress, OtpEvent, SmsCount, User
from accounts.services import otp_limits
from accounts.tasks import delete_expired_rows
from accounts.tests.calls import (
    AUTH,
    EMAIL,
    PHONE,
    code_in_redis,
    code_of,
    deliver,
    log_in,
    send,
    verify,
    wrong,
)
from accounts.tests.factories import PASSWORD, client_for, make_staff, make_user
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db

HOME, STRANGER = "203.0.113.7", "198.51.100.9"
WRONG = "Wrong123!@#"


def at(ip: str) -> APIClient:
    return APIClient(REMOTE_ADDR=ip)


def many_addresses(number: int) -> list[str]:
    return [f"198.18.{index}.1" for index in range(number)]


def wrong_guess(ip: str, identifier: str = EMAIL) -> Any:
    """Enter a wrong code, whether or not there is a right one."""
    stored = redis_client().get(f"otp:{identifier}")
    return verify(at(ip), wrong(stored or b"123456"), identifier)


def make_known(identifier: str, ip: str) -> None:
    """Confirm the identifier with a code from this address."""
    send(at(ip), identifier)
    assert verify(at(ip), code_in_redis(identifier), identifier).status_code == 200
    redis_client().flushdb()


# --- Guesses at codes --------------------------------------------------------------------------------


@pytest.mark.parametrize("is_redis_flushed", [False, True])
def test_a_day_of_guessing_at_both_contacts_has_at_most_15_chances_in_a_million(
    buyer: User, debug: Any, is_redis_flushed: bool
) -> None:
    make_known(EMAIL, HOME)
    chances = refusals = 0
    with time_machine.travel("2026-02-03T00:00:00Z", tick=False) as clock:
        for ip in [HOME, *many_addresses(40)]:
            for contact in (EMAIL, PHONE):
                send(at(ip), contact)
                for _ in range(6):
                    would_match = otp_limits.may_still_match(buyer, otp_limits.Requester.of(contact, ip))
                    guesses = OtpEvent.objects.filter(kind="wrong_guess").count()
                    answer = wrong_guess(ip, contact)
                    was_compared = OtpEvent.objects.filter(kind="wrong_guess").count() > guesses
                    chances += was_compared and would_match
                    refusals += answer.status_code == 429
                if is_redis_flushed:
                    redis_client().flushdb()
            clock.shift(timedelta(minutes=30))
    assert 10 <= chances <= 14
    assert chances * 1e-6 <= 1.5e-5
    assert refusals > 100


def test_a_right_code_is_refused_once_both_contacts_together_had_too_many_wrong_ones(
    buyer: User, debug: Any
) -> None:
    for ip, contact in zip(many_addresses(2), (EMAIL, PHONE), strict=True):
        for _ in range(5):
            send(at(ip), contact)
            assert code_of(verify(at(ip), wrong(code_in_redis(contact)), contact)) == (400, "otp_invalid")
            redis_client().delete(f"rate:otp_send_identifier:{contact}|{ip}")
    send(at(STRANGER), PHONE)
    assert code_of(verify(at(STRANGER), code_in_redis(PHONE), PHONE)) == (400, "otp_invalid")
    buyer.refresh_from_db()
    assert not buyer.is_verified


def test_wrong_guesses_of_a_stranger_void_the_code_for_the_stranger_only(buyer: User, debug: Any) -> None:
    send(at(HOME))
    code = code_in_redis()
    for _ in range(5):
        assert code_of(verify(at(STRANGER), wrong(code))) == (400, "otp_invalid")
    assert code_of(verify(at(STRANGER), code)) == (400, "otp_invalid")
    assert verify(at(HOME), code).status_code == 200


def test_a_stranger_cannot_use_up_the_guesses_of_a_known_address(buyer: User, debug: Any) -> None:
    make_known(EMAIL, HOME)
    for ip in many_addresses(5):
        send(at(ip))
        for _ in range(6):
            wrong_guess(ip)
    send(at(STRANGER))
    answer = verify(at(STRANGER), code_in_redis())
    assert code_of(answer) == (429, "rate_limited")
    assert 23 * 3600 < int(answer["Retry-After"]) <= 24 * 3600
    assert "Too many wrong codes were entered. Try again in" in answer.json()["error"]["message"]
    send(at(HOME))
    assert verify(at(HOME), wrong(code_in_redis())).status_code == 400
    assert verify(at(HOME), code_in_redis()).status_code == 200


@pytest.mark.parametrize("contact", [EMAIL, PHONE])
def test_an_account_with_an_unconfirmed_contact_makes_no_address_known_for_it(
    contact: str, debug: Any
) -> None:
    make_user(email=EMAIL, phone=PHONE, username="mallory", is_verified=False)
    assert log_in(at(STRANGER), contact).status_code == 200  # accepted while no contact is confirmed
    assert not otp_limits.Requester.of(contact, STRANGER).is_known
    for _ in range(4):
        send(at(STRANGER), contact)
        for _ in range(6):
            wrong_guess(STRANGER, contact)
        redis_client().flushdb()
    assert OtpEvent.objects.filter(kind="wrong_guess").count() == 6
    make_known(contact, HOME)  # the owner's guesses are left


def test_a_login_makes_the_address_known_for_the_username_and_confirmed_contacts(
    quick_hashing: None,
) -> None:
    layla = make_user(email="layla@example.com", phone="+971501112233", username="layla.m")
    assert log_in(at(HOME), layla.email).status_code == 200
    User.objects.filter(pk=layla.pk).update(phone_confirmed_at=None)
    assert log_in(at(STRANGER), "layla.m").status_code == 200
    known = [
        [
            otp_limits.Requester.of(name, ip).is_known
            for name in ("layla@example.com", "+971501112233", "layla.m")
        ]
        for ip in (HOME, STRANGER)
    ]
    assert known == [[True, True, True], [True, False, True]]


def test_a_right_code_counts_as_no_guess(buyer: User, debug: Any) -> None:
    for _ in range(4):
        make_known(EMAIL, HOME)
    assert not OtpEvent.objects.filter(kind="wrong_guess").exists()


def test_an_unknown_identifier_reaches_the_same_limits(buyer: User, debug: Any) -> None:
    def statuses(identifier: str) -> list[int]:
        found = []
        for ip in many_addresses(4):
            found += [send(at(ip), identifier).status_code for _ in range(4)]
            found += [wrong_guess(ip, identifier).status_code for _ in range(7)]
        return found

    assert statuses(EMAIL) == statuses("nobody@example.com")
    assert 429 in statuses(EMAIL)


# --- Sending codes -----------------------------------------------------------------------------------


def test_a_stranger_who_asks_for_codes_neither_silences_nor_voids_those_of_the_owner(
    buyer: User, debug: Any
) -> None:
    for _ in range(3):
        assert send(at(STRANGER)).status_code == 200
    assert code_of(send(at(STRANGER))) == (429, "rate_limited")
    assert send(at(HOME)).status_code == 200
    code = code_in_redis()
    redis_client().delete(f"rate:otp_send_identifier:{EMAIL}|{STRANGER}")
    assert send(at(STRANGER)).status_code == 200
    deliver()
    assert mail.outbox[-1].body.startswith(code)
    assert verify(at(HOME), code).status_code == 200


def test_the_same_code_is_sent_to_a_second_address_and_is_valid_for_ten_minutes_more(
    buyer: User, debug: Any
) -> None:
    with time_machine.travel("2026-02-03T00:00:00Z", tick=False) as clock:
        send(at(STRANGER))
        code = code_in_redis()
        clock.shift(timedelta(minutes=9))
        assert send(at(HOME)).json()["expires_in"] == 600
        clock.shift(timedelta(minutes=9))
        assert code_in_redis() == code
        assert verify(at(HOME), code).status_code == 200


def test_codes_of_one_person_have_a_limit_a_day_that_survives_redis(buyer: User) -> None:
    def sent(ip: str, tries: int) -> int:
        count = 0
        for _ in range(tries):
            count += send(at(ip)).status_code == 200
            redis_client().flushdb()
        return count

    assert [sent(ip, 10) for ip in many_addresses(5)] == [8, 4, 0, 0, 0]
    with time_machine.travel("2126-02-03T00:00:00Z"):
        assert sent(STRANGER, 2) == 2


def test_a_known_address_gets_codes_whatever_strangers_asked_for(buyer: User, debug: Any) -> None:
    make_known(EMAIL, HOME)
    for ip in many_addresses(6):
        for _ in range(3):
            send(at(ip))
    assert code_of(send(at(STRANGER))) == (429, "rate_limited")
    assert send(at(HOME)).status_code == 200


def test_one_address_has_a_limit_a_day_over_all_identifiers(buyer: User, settings: Any) -> None:
    settings.OTP_SENDS_A_DAY_BY_ADDRESS = 5
    statuses = [send(at(STRANGER), f"person{number}@example.com").status_code for number in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert send(at(HOME)).status_code == 200


def test_a_send_that_fails_does_not_count(buyer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("accounts.services.otp.queue.enqueue", lambda *a, **k: 1 / 0)
        for _ in range(5):
            assert send(at(HOME)).status_code == 500
    assert not OtpEvent.objects.exists()
    assert [send(at(HOME)).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("phone", ["+14155550132", "+447400123456", "+919876543210"])
def test_codes_go_by_text_message_only_to_the_countries_that_are_listed(db: None, phone: str) -> None:
    answer = send(at(HOME), phone)
    assert code_of(answer) == (400, "sms_country_not_served")
    assert "email" in answer.json()["error"]["message"]
    assert not OtpEvent.objects.exists()


@pytest.mark.parametrize(
    "phone",
    ["+971501234567", "+966501234567", "+96550012345", "+97433123456", "+97336001234", "+96892123456"],
)
def test_codes_go_by_text_message_to_the_gulf(db: None, phone: str) -> None:
    assert send(at(HOME), phone).status_code == 200


def test_text_messages_to_a_country_end_for_the_day_with_one_warning(
    settings: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SMS_A_DAY_PER_COUNTRY = 2
    phones = [f"+97150123456{number}" for number in range(4)]
    for phone in phones:
        make_user(phone=phone)
    with time_machine.travel("2026-02-03T20:00:00Z", tick=False) as clock:
        for phone in [*phones, "+971509999999"]:
            assert send(at(HOME), phone).status_code == 200  # nothing was sent yet
        deliver()
        assert capsys.readouterr().out.count("SMS to") == 2
        assert SmsCount.objects.get().sent == 2
        assert [r.message for r in caplog.records if "no more text messages to AE" in r.message]
        assert caplog.text.count("no more text messages") == 1
        for phone in (phones[0], "+971509999998"):
            answer = send(at(STRANGER), phone)
            assert code_of(answer) == (429, "rate_limited")
            assert "Use your email address. Try again in 4 hours" in answer.json()["error"]["message"]
        assert send(at(STRANGER), EMAIL).status_code == 200
        assert send(at(STRANGER), "+966501234567").status_code == 200
        clock.shift(timedelta(hours=5))
        assert send(at(STRANGER), phones[0]).status_code == 200


def test_the_nightly_job_deletes_what_no_limit_counts(buyer: User, debug: Any) -> None:
    with time_machine.travel("2026-02-03T00:00:00Z"):
        make_known(EMAIL, HOME)
        SmsCount.objects.create(country="AE", day="2026-02-03")
    with time_machine.travel("2026-02-06T00:00:00Z"):
        delete_expired_rows(0)
        assert (OtpEvent.objects.count(), SmsCount.objects.count(), KnownAddress.objects.count()) == (0, 0, 1)
    with time_machine.travel("2026-06-03T00:00:00Z"):
        delete_expired_rows(0)
        assert not KnownAddress.objects.exists()


# --- Passwords ---------------------------------------------------------------------------------------


@pytest.fixture
def layla(quick_hashing: None) -> User:
    return make_user(email="layla@example.com", username="layla.m")


def test_right_passwords_do_not_count(layla: User) -> None:
    assert {log_in(at(HOME), layla.email).status_code for _ in range(15)} == {200}


def test_wrong_passwords_of_a_stranger_do_not_lock_the_owner_out(
    layla: User, caplog: pytest.LogCaptureFixture
) -> None:
    statuses = [log_in(at(STRANGER), layla.email, WRONG).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    answer = log_in(at(STRANGER), layla.email)
    assert code_of(answer) == (429, "rate_limited")
    assert answer.json()["error"]["message"] == "Too many attempts. Try again in 5 minutes."
    assert 290 <= int(answer["Retry-After"]) <= 300
    assert log_in(at(HOME), layla.email).status_code == 200
    [*_, warning] = [record for record in caplog.records if record.name.startswith("accounts")]
    assert (warning.levelname, STRANGER in warning.message) == ("WARNING", True)
    assert str(layla.email) not in caplog.text
    assert WRONG not in caplog.text


def test_wrong_passwords_from_everywhere_do_not_lock_a_known_address_out(layla: User) -> None:
    assert log_in(at(HOME), "layla.m").status_code == 200
    statuses = [log_in(at(ip), "layla.m", WRONG).status_code for ip in many_addresses(12) for _ in range(10)]
    assert statuses == [401] * 100 + [429] * 20
    assert log_in(at(STRANGER), "layla.m").status_code == 429
    assert log_in(at(HOME), "layla.m").status_code == 200
    assert log_in(at(HOME), "layla.m", WRONG).status_code == 401


def test_failures_of_neighbours_behind_one_address_do_not_refuse_whoever_used_it_before(
    layla: User, settings: Any, buyer: User
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login_failures_ip": (5, 600), "otp_verify_ip": (2, 600)}
    settings.DEBUG = True
    settings.OTP_WRONG_GUESSES_A_DAY_BY_ADDRESS = 1
    assert log_in(at(HOME), layla.email).status_code == 200
    make_known(EMAIL, HOME)
    neighbours = [log_in(at(HOME), f"nobody{number}@example.com", WRONG).status_code for number in range(7)]
    assert neighbours == [401] * 5 + [429] * 2
    assert log_in(at(HOME), layla.email).status_code == 200
    for number in range(4):
        send(at(HOME), f"nobody{number}@example.com")
        wrong_guess(HOME, f"nobody{number}@example.com")
    send(at(HOME))
    assert verify(at(HOME), code_in_redis()).status_code == 200


def test_tries_over_the_tight_limit_do_not_use_up_the_looser_one(layla: User) -> None:
    for _ in range(120):
        log_in(at(STRANGER), layla.email, WRONG)
    assert redis_client().zcard(f"rate:login_identifier_elsewhere:{layla.email}") == 10


def test_the_current_password_can_be_entered_rightly_any_number_of_times(layla: User, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"password": (3, 600)}
    client = client_for(layla)

    def change_phone(number: int, password: str = PASSWORD) -> int:
        body = {"phone": f"+97150123456{number}", "current_password": password}
        return int(client.patch(f"{AUTH}/me", body).status_code)

    assert [change_phone(number) for number in range(6)] == [200] * 6
    assert [change_phone(number, WRONG) for number in range(4)] == [400] * 3 + [429]
    assert change_phone(9) == 429


def test_the_admin_login_says_that_a_limit_is_reached_and_logs_it(
    quick_hashing: None, caplog: pytest.LogCaptureFixture
) -> None:
    make_staff(email="boss@example.com")
    stranger, boss = Client(REMOTE_ADDR=STRANGER), Client(REMOTE_ADDR=HOME)
    for _ in range(10):
        answer = stranger.post("/admin/login/", {"username": "boss@example.com", "password": WRONG})
        assert "Please enter the correct" in answer.content.decode()
    answer = stranger.post("/admin/login/", {"username": "boss@example.com", "password": PASSWORD})
    assert "Too many attempts. Try again in 5 minutes." in answer.content.decode()
    assert "Please enter the correct" not in answer.content.decode()
    assert "_auth_user_id" not in stranger.session
    assert any(r.levelname == "WARNING" and "too many wrong passwords" in r.message for r in caplog.records)
    answer = boss.post("/admin/login/?next=/admin/", {"username": "boss@example.com", "password": PASSWORD})
    assert answer.status_code == 302
