"""Who isn't logged in reads the streams for everyone, their chat, clips and replays, and nothing else."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_seller
from livestream.models import ChatMessage, Replay, Stream
from livestream.tests.factories import make_live_stream, make_stream

pytestmark = pytest.mark.django_db
PATHS = ("", "/chat", "/clips", "/replay")


@pytest.fixture
def guest() -> Client:
    return Client()


def read(guest: Client, stream: Stream, path: str = "") -> Any:
    return guest.get(f"/api/v1/streams/{stream.pk}{path}")


def test_a_guest_reads_a_stream_for_everyone_with_its_video_and_chat(guest: Client) -> None:
    stream = make_live_stream()
    writer = make_seller()
    ChatMessage.objects.create(stream=stream, user=writer, seq=1, message="Salam", created_at=timezone.now())
    detail = read(guest, stream).json()["data"]
    assert detail["streamId"] == str(stream.pk)
    assert detail["canWatch"] is True
    assert detail["hlsUrl"].endswith("/index.m3u8")
    [line] = read(guest, stream, "/chat").json()["data"]["items"]
    assert line["message"] == "Salam"
    assert read(guest, stream, "/clips").json()["data"] == {"items": []}


def test_a_guest_reads_the_replay_of_a_stream_for_everyone(guest: Client) -> None:
    stream = make_live_stream(status=Stream.Status.ENDED, ended_at=timezone.now())
    Replay.objects.update_or_create(stream=stream, defaults={"state": Replay.State.READY})
    replay = read(guest, stream, "/replay").json()["data"]
    assert replay["state"] == "ready"
    assert replay["vodUrl"]


@pytest.mark.parametrize("path", PATHS)
def test_a_guest_is_asked_to_log_in_for_a_followers_only_stream(guest: Client, path: str) -> None:
    answer = read(guest, make_live_stream(audience=Stream.Audience.FOLLOWERS), path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", PATHS)
def test_cancelled_streams_and_those_of_closed_accounts_do_not_exist_for_guests(
    guest: Client, path: str
) -> None:
    cancelled = make_stream(status=Stream.Status.CANCELLED)
    hidden = make_live_stream(seller=closed_account(), audience=Stream.Audience.FOLLOWERS)
    for stream in (cancelled, hidden, Stream(pk=uuid4())):
        answer = read(guest, stream, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "stream_not_found")


def test_lists_show_guests_the_streams_for_everyone(guest: Client) -> None:
    live = make_live_stream()
    planned = make_stream()
    make_live_stream(audience=Stream.Audience.FOLLOWERS)
    make_stream(status=Stream.Status.CANCELLED)
    make_live_stream(seller=closed_account())

    def listed(path: str) -> set[str]:
        return {card["streamId"] for card in guest.get(path).json()["data"]["items"]}

    assert listed("/api/v1/streams/live") == {str(live.pk)}
    assert listed("/api/v1/streams") == {str(live.pk), str(planned.pk)}
    answer = guest.get("/api/v1/streams?mine=true")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")


def test_a_bad_token_is_refused_and_does_not_make_somebody_a_guest(guest: Client) -> None:
    stream = make_live_stream()
    answer = guest.get(f"/api/v1/streams/{stream.pk}", headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_invalid")


def closed_account() -> User:
    return make_seller(is_active=False, banned_at=timezone.now())
