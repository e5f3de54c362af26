"""Pushes are cut to what push services take, between characters as people see them."""

import json
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.push.channels import Message
from notifications.push.payloads import cut, fcm_message, shorten_key, web_push_payload, web_push_topic

NOW = datetime(2026, 11, 27, tzinfo=UTC)
TOKEN = "t" * 163
FAMILY = "👩🏽‍👩🏻‍👧🏿‍👦"
TEXTS = {
    "latin": "Is this item still available? " * 400,
    "arabic": "هل ما زال هذا المنتج متاحًا للبيع؟ " * 400,
    "emoji": FAMILY * 400,
    "flags": "🇦🇪🇸🇦🇰🇼" * 400,
    "combining": "e\u0301\u0323" * 3000,
    "isolates": "\u2068نورة\u2069 و\u2068ليلى" * 600,
    "quotes": '"\\\n' * 3000,
}


def message(**values: Any) -> Message:
    fields: dict[str, Any] = {
        "notification_id": UUID(int=1),
        "kind": "message_new",
        "title": "Layla",
        "body": "",
        "language": "ar",
        "link": "soukloop://conversations/1",
        "url": "https://soukloop.com/conversations/1",
        "collapse_key": "conversation:1",
        "badge": 1,
        "is_urgent": True,
        "expires_at": NOW + timedelta(hours=1),
        "data": {"conversation_id": "1"},
    }
    return Message(**fields | values)


@pytest.mark.parametrize("name", TEXTS)
def test_long_texts_are_cut_to_what_each_service_takes(name: str) -> None:
    text = TEXTS[name]
    for title in ("Layla", text[:200]):
        long = message(title=title, body=text)
        web = web_push_payload(long)
        assert 3900 < len(web) <= 3993
        assert_is_cut_well(json.loads(web)["body"], text)
        fcm = json.loads(fcm_message(TOKEN, long, now=NOW))["message"]
        size = len(json.dumps(fcm | {"token": ""}, ensure_ascii=False, separators=(",", ":")).encode())
        assert 3700 < size <= 3920
        assert_is_cut_well(fcm["notification"]["body"], text)


def assert_is_cut_well(cut_text: str, text: str) -> None:
    assert cut_text.endswith("…")
    kept = cut_text.removesuffix("…").rstrip("\u2069")
    assert text.startswith(kept)
    assert cut_text.count("\u2068") == cut_text.count("\u2069")
    following = text[len(kept)]
    assert not unicodedata.combining(following)
    assert following not in "\u200d\U0001f3fb\U0001f3fd\U0001f3ff"
    assert not kept.endswith("\u200d")
    if kept[-1] in "🇦🇪🇸🇰🇼":
        assert len(kept) % 2 == 0


def test_short_texts_are_not_cut() -> None:
    payload = json.loads(web_push_payload(message(body="مرحبا")))
    assert payload["body"] == "مرحبا"


def test_even_the_longest_title_fits() -> None:
    long = message(title="ش" * 5000, body="ش" * 5000)
    assert len(web_push_payload(long)) <= 3993
    assert json.loads(web_push_payload(long))["title"].endswith("…")


@given(st.text(alphabet="aé\u0301👩🏽\u200d🇦🇪\u2068\u2067\u2069ش ", max_size=60), st.integers(3, 80))
def test_a_text_that_is_cut_fits_and_closes_its_isolates(text: str, room: int) -> None:
    shown = cut(text, lambda candidate: len(candidate.encode()) <= room)
    if shown != text:
        assert shown.endswith("…")
        depth = 0
        for character in shown:
            depth += (character in "\u2067\u2068") - (character == "\u2069" and depth > 0)
        assert depth == 0
        assert len(shown.encode()) <= max(room, 3)


def test_collapse_keys_become_short_topics_and_ids() -> None:
    assert web_push_topic("conversation:1") == web_push_topic("conversation:1")
    assert web_push_topic("conversation:1") != web_push_topic("conversation:2")
    assert len(web_push_topic("x" * 500)) == 32
    assert shorten_key("short", 64) == "short"
    assert len(shorten_key("س" * 40, 64).encode()) == 64
