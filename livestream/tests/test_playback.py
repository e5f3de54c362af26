"""Who may watch a stream's video: the addresses, and the media server's question whether one may be used."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from accounts.models import Follow, User
from accounts.tests.factories import block, client_for, follow, make_seller, make_staff, make_user
from livestream.access import no_longer_allowed
from livestream.events import publish_stream_ended
from livestream.media.playback_tokens import make_token, read_token
from livestream.models import Replay, Stream
from livestream.selectors.replays import expected_vod_url
from livestream.services import streams
from livestream.tests.factories import make_live_stream, make_stream

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def secret(settings: Any) -> None:
    settings.MEDIA_SECRET = "shared-by-tests"


def token_of(address: str) -> str:
    return address.removeprefix(settings.MEDIA_URL).split("/")[0]


def address_for(viewer: User, stream: Stream) -> str:
    """Return the HLS address that a viewer gets of a live stream."""
    address: str = client_for(viewer).get(f"/api/v1/streams/{stream.pk}").json()["data"]["hlsUrl"]
    return address


def may_play(client: Any, token: str, stream: Stream, kind: str = "live") -> bool:
    """Ask as the media server does."""
    query = {"secret": "shared-by-tests", "token": token, "kind": kind, "stream": stream.public_id}
    response = client.get("/internal/media/playback", query)
    assert (
        response["Cache-Control"]
        == {
            204: "max-age=30, stale-while-revalidate=20, stale-if-error=600",
            403: "max-age=1, stale-if-error=600",
        }[response.status_code]
    )
    return bool(response.status_code == 204)


def with_replay(stream: Stream) -> Stream:
    """End a stream whose replay is ready."""
    stream = streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    Replay.objects.filter(stream=stream).update(state="ready", has_poster=True)
    return stream


def test_all_viewers_of_a_stream_for_everyone_get_one_short_address(client: Any) -> None:
    stream = make_live_stream()
    first, second = address_for(make_user(), stream), address_for(stream.seller, stream)
    assert first == second
    assert re.fullmatch(
        rf"{settings.MEDIA_URL}[A-Za-z0-9_-]{{22}}/live/{stream.public_id}/index\.m3u8", first
    )
    assert may_play(client, token_of(first), stream)
    for wrong in ("", "x", "é" * 22, token_of(first)[::-1], f"{token_of(first)}A", "A" * 22, "A" * 43):
        assert not may_play(client, wrong, stream)
    assert not may_play(client, token_of(first), make_live_stream())


def test_a_token_is_the_same_for_hours_and_ends_after_at_most_twelve() -> None:
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    with time_machine.travel(noon, tick=False) as clock:
        token = make_token("stream_1", viewer_id=None)
        for hours, expected in ((0, True), (5.9, True), (11.9, True), (12, False)):
            clock.move_to(noon + timedelta(hours=hours))
            assert (read_token(token, "stream_1") is not None) is expected
        clock.move_to(noon + timedelta(hours=5.9))
        assert make_token("stream_1", viewer_id=None) == token
        clock.move_to(noon + timedelta(hours=6))
        assert make_token("stream_1", viewer_id=None) != token


def test_each_follower_gets_an_address_that_ends_with_the_follow_or_a_block(client: Any) -> None:
    stream = make_live_stream(audience="followers")
    viewers = [make_user() for _ in range(3)]
    for viewer in viewers:
        follow(viewer, stream.seller)
    tokens = [token_of(address_for(viewer, stream)) for viewer in (*viewers, stream.seller)]
    assert len(set(tokens)) == 4
    assert all(re.fullmatch("[A-Za-z0-9_-]{43}", token) for token in tokens)
    assert [may_play(client, token, stream) for token in tokens] == [True] * 4
    assert not may_play(client, make_token(stream.public_id, viewer_id=None), stream), "guests"
    assert not may_play(client, make_token(stream.public_id, viewer_id=make_user().pk), stream), "strangers"
    Follow.objects.filter(follower=viewers[0]).delete()
    block(stream.seller, viewers[1])
    User.objects.filter(pk=viewers[2].pk).update(is_active=False, banned_at=timezone.now())
    assert [may_play(client, token, stream) for token in tokens] == [False, False, False, True]


def test_staff_get_the_video_of_a_followers_stream_in_the_admin(client: Any) -> None:
    stream = make_live_stream(audience="followers")
    staff = make_staff()
    staff.is_superuser = True
    staff.save()
    client.force_login(staff)
    page = client.get(f"/admin/livestream/stream/{stream.pk}/change/").content.decode()
    (token,) = re.findall(rf'href="{settings.MEDIA_URL}([\w-]+)/live/', page)
    found = read_token(token, stream.public_id)
    assert found is not None
    assert found.viewer_id == staff.pk
    assert may_play(client, token, stream)


def test_staff_get_the_video_of_every_stream_over_the_api(client: Any) -> None:
    staff, stream = make_staff(), make_live_stream(audience="followers")
    block(stream.seller, staff)
    data = client_for(staff).get(f"/api/v1/streams/{stream.pk}").json()["data"]
    assert data["canWatch"] is True
    token = token_of(data["hlsUrl"])
    found = read_token(token, stream.public_id)
    assert found is not None
    assert found.viewer_id == staff.pk
    assert may_play(client, token, stream)
    assert client_for(staff).get(f"/api/v1/streams/{stream.pk}/clips").status_code == 200
    with_replay(stream)
    replay = client_for(staff).get(f"/api/v1/streams/{stream.pk}/replay").json()["data"]
    assert may_play(client, token_of(replay["vodUrl"]), stream, "vods")
    User.objects.filter(pk=staff.pk).update(is_staff=False)
    assert not may_play(client, token, stream, "vods")


def test_staff_find_followers_streams_in_lists_and_stay_in_their_rooms() -> None:
    staff, stranger, stream = make_staff(), make_user(), make_live_stream(audience="followers")
    [card] = client_for(staff).get("/api/v1/streams/live").json()["data"]["items"]
    assert card["hlsUrl"]
    assert client_for(stranger).get("/api/v1/streams/live").json()["data"]["items"] == []
    assert no_longer_allowed(stream.pk, [staff.pk, stranger.pk]) == {stranger.pk: "followers_only"}


def test_live_video_can_be_fetched_for_five_minutes_after_the_end(client: Any) -> None:
    stream = make_live_stream()
    token = token_of(address_for(make_user(), stream))
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert may_play(client, token, stream)
    Stream.objects.update(ended_at=timezone.now() - timedelta(minutes=5))
    assert not may_play(client, token, stream)
    assert not may_play(client, make_token("stream_1", viewer_id=None), make_stream(public_id="stream_1"))


def test_the_video_of_a_banned_seller_or_of_a_stream_ended_by_staff_ends_at_once(client: Any) -> None:
    ended, banned = make_live_stream(), make_live_stream(seller=make_seller())
    tokens = [token_of(address_for(make_user(), stream)) for stream in (ended, banned)]
    streams.end_stream_by_staff(actor=make_staff(), stream_id=ended.pk, reason="Counterfeits")
    User.objects.filter(pk=banned.seller_id).update(is_active=False, banned_at=timezone.now())
    assert [may_play(client, tokens[0], ended), may_play(client, tokens[1], banned)] == [False, False]


def test_replays_have_fresh_addresses_each_time_and_end_when_they_may_not_be_watched(client: Any) -> None:
    viewer = make_user()
    stream = make_live_stream()
    token = token_of(address_for(viewer, stream))
    assert not may_play(client, token, stream, "vods"), "nothing is there yet"
    with_replay(stream)
    assert may_play(client, token, stream, "vods")
    url = f"/api/v1/streams/{stream.pk}/replay"
    first = client_for(viewer).get(url).json()["data"]
    tails = (f"{stream.public_id}.m3u8", f"{stream.public_id}/video.mp4", f"{stream.public_id}/poster.jpg")
    assert [first[name] for name in ("vodUrl", "mp4Url", "posterUrl")] == [
        f"{settings.MEDIA_URL}{token}/vods/{tail}" for tail in tails
    ]
    with time_machine.travel(timezone.now() + timedelta(hours=13)):
        assert not may_play(client, token, stream, "vods")
        later = token_of(client_for(viewer).get(url).json()["data"]["vodUrl"])
        assert may_play(client, later, stream, "vods")
    for refusal in ({"state": "waiting"}, {"state": "failed"}):
        Replay.objects.update(**refusal)
        assert not may_play(client, token, stream, "vods")


def test_events_for_a_room_have_no_address_of_a_followers_video(
    captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    addresses = []
    for audience in ("everyone", "followers"):
        ended: dict[str, Any] = {
            "status": Stream.Status.ENDED,
            "ended_at": timezone.now(),
            "end_reason": "owner",
        }
        stream = make_live_stream(audience=audience, **ended)
        with django_capture_on_commit_callbacks(execute=True):
            publish_stream_ended(stream, vod_url=expected_vod_url(stream, None))
        addresses.append(captured_events[-1][2]["vodUrl"])
    assert addresses[0].startswith(settings.MEDIA_URL)
    assert addresses[1] is None


def test_the_question_whether_somebody_may_watch_needs_the_secret(client: Any) -> None:
    stream = make_live_stream()
    query = {
        "token": make_token(stream.public_id, viewer_id=None),
        "kind": "live",
        "stream": stream.public_id,
    }
    for secret in ({}, {"secret": "wrong"}):
        assert client.get("/internal/media/playback", query | secret).status_code == 403


def test_the_check_takes_one_query_and_none_for_a_wrong_token(
    client: Any, django_assert_num_queries: Any
) -> None:
    stream = make_live_stream(audience="followers")
    with django_assert_num_queries(0):
        assert not may_play(client, "A" * 43, stream)
    viewer = make_user()
    follow(viewer, stream.seller)
    token = token_of(address_for(viewer, stream))
    with django_assert_num_queries(1):
        assert may_play(client, token, stream)
