"""Encryption of short-lived secrets."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from soukloop.core.encryption import InvalidToken, decrypt, encrypt

TEN_MINUTES = timedelta(minutes=10)


def test_a_secret_is_decrypted_for_the_same_purpose_only() -> None:
    token = encrypt("123456", purpose="codes")
    assert "123456" not in token
    assert decrypt(token, purpose="codes", max_age=TEN_MINUTES) == "123456"
    with pytest.raises(InvalidToken):
        decrypt(token, purpose="keys", max_age=TEN_MINUTES)


def test_the_same_secret_is_encrypted_differently_each_time() -> None:
    assert encrypt("123456", purpose="codes") != encrypt("123456", purpose="codes")


def test_a_changed_token_is_refused() -> None:
    token = encrypt("123456", purpose="codes")
    changed = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    for bad in (changed, "", "123456"):
        with pytest.raises(InvalidToken):
            decrypt(bad, purpose="codes", max_age=TEN_MINUTES)


def test_a_token_is_refused_after_its_time() -> None:
    with time_machine.travel("2026-02-03T04:00:00Z", tick=False) as clock:
        token = encrypt("123456", purpose="codes")
        clock.shift(TEN_MINUTES)
        assert decrypt(token, purpose="codes", max_age=TEN_MINUTES) == "123456"
        clock.shift(1)
        with pytest.raises(InvalidToken):
            decrypt(token, purpose="codes", max_age=TEN_MINUTES)


def test_a_key_that_was_replaced_still_decrypts(settings: Any) -> None:
    token = encrypt("123456", purpose="codes")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [settings.SECRET_KEY]
    assert decrypt(token, purpose="codes", max_age=TEN_MINUTES) == "123456"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidToken):
        decrypt(token, purpose="codes", max_age=TEN_MINUTES)
