"""Passwords: resetting with a code, changing, guessing."""

from typing import Any

import pytest

from accounts.models import OtpChallenge, RefreshFamily
from accounts.tests.calls import AUTH, EMAIL, code_in_redis, code_of, log_in, send, wrong
from accounts.tests.factories import PASSWORD, client_for

pytestmark = pytest.mark.django_db

NEW = "Better456!@#"


def reset(client: Any, code: Any, password: Any = NEW, identifier: Any = EMAIL) -> Any:
    body = {"identifier": identifier, "otp_code": code, "new_password": password}
    return client.post(f"{AUTH}/reset-password", body)


def test_a_code_sets_a_new_password_and_ends_every_login(
    guest: Any, buyer: Any, debug: Any, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    refresh_token = log_in(guest, EMAIL).json()["data"]["refresh_token"]
    old = client_for(buyer)
    send(guest)
    code = code_in_redis()
    with django_capture_on_commit_callbacks(execute=True):
        answer = reset(guest, code)
    assert (answer.status_code, answer.json()["data"]) == (200, {"message": "Password changed"})

    assert code_of(log_in(guest, EMAIL, PASSWORD)) == (401, "invalid_credentials")
    assert log_in(guest, EMAIL, NEW).json()["data"]["user"]["is_verified"] is True
    assert code_of(old.get(f"{AUTH}/me")) == (401, "token_revoked")
    answer = guest.post(f"{AUTH}/refresh", {"refresh_token": refresh_token})
    assert code_of(answer) == (401, "token_revoked")
    assert [each for each in captured_events if each[1] == "close"] == [
        (f"user.{buyer.pk}", "close", {"reason": "The password was changed. Log in again."})
    ]
    assert code_of(reset(guest, code)) == (400, "otp_invalid")


@pytest.mark.parametrize(("password", "guesses"), [("password", 0), ("testbuyer@soukloop", 1)])
def test_a_weak_password_leaves_the_code_usable(
    guest: Any, buyer: Any, debug: Any, password: Any, guesses: Any
) -> None:
    send(guest)
    code = code_in_redis()
    answer = reset(guest, code, password)
    assert code_of(answer) == (400, "validation_error")
    assert list(answer.json()["error"]["details"]) == ["new_password"]
    assert OtpChallenge.objects.get().guesses == guesses
    assert reset(guest, code).status_code == 200


def test_resetting_a_password_does_not_reveal_who_has_an_account(guest: Any, buyer: Any, debug: Any) -> None:
    send(guest)
    send(guest, "nobody@example.com")
    known = reset(guest, wrong(code_in_redis()))
    unknown = reset(guest, wrong(code_in_redis("nobody@example.com")), identifier="nobody@example.com")
    never_sent = reset(guest, "123456", identifier="never@example.com")
    assert known.content == unknown.content == never_sent.content
    assert code_of(known) == (400, "otp_invalid")


def test_changing_the_password_needs_the_current_one_and_ends_every_other_login(
    guest: Any, buyer: Any
) -> None:
    other = log_in(guest, EMAIL).json()["data"]["refresh_token"]
    client = client_for(buyer)
    url = f"{AUTH}/change-password"

    answer = client.post(url, {"current_password": "Wrong123!@#", "new_password": NEW})
    assert code_of(answer) == (400, "validation_error")
    assert list(answer.json()["error"]["details"]) == ["current_password"]
    answer = client.post(url, {"current_password": PASSWORD, "new_password": "12345678"})
    assert list(answer.json()["error"]["details"]) == ["new_password"]
    assert client.get(f"{AUTH}/me").status_code == 200

    answer = client.post(url, {"current_password": PASSWORD, "new_password": NEW})
    assert answer.status_code == 200
    assert code_of(client.get(f"{AUTH}/me")) == (401, "token_revoked")
    assert code_of(guest.post(f"{AUTH}/refresh", {"refresh_token": other})) == (401, "token_revoked")
    guest.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['data']['access_token']}")
    assert guest.get(f"{AUTH}/me").status_code == 200
    assert RefreshFamily.objects.filter(revoked_at=None).count() == 1


def test_password_guesses_with_a_stolen_token_are_limited(buyer: Any, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"password": (2, 600)}
    client = client_for(buyer)
    body = {"current_password": "Wrong123!@#", "new_password": NEW}
    assert client.post(f"{AUTH}/change-password", body).status_code == 400
    assert client.delete(f"{AUTH}/me", {"password": "Wrong123!@#"}).status_code == 400
    answer = client.patch(f"{AUTH}/me", {"email": "x@example.com", "current_password": PASSWORD})
    assert code_of(answer) == (429, "rate_limited")
    buyer.refresh_from_db()
    assert buyer.email == EMAIL
