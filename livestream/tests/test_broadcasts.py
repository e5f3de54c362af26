"""Reconciling publisher connections with the media server."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from livestream.media import server
from livestream.media.server import MediaServerBadResponse, MediaServerUnavailable, media_server
from livestream.models import PublisherConnection
from livestream.services import broadcasts
from livestream.tests.factories import make_live_stream, make_publisher
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict

pytestmark = pytest.mark.django_db


@pytest.fixture
def publishers(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Replace the media server's statistics by a dict, from which dropping a publisher removes it."""
    publishers: dict[str, set[str]] = {}
    monkeypatch.setattr(media_server, "publishers", lambda: publishers)
    monkeypatch.setattr(media_server, "drop", lambda public_id: bool(publishers.pop(public_id, None)))
    return publishers


OLD = timedelta(minutes=5)


def test_a_new_encoder_replaces_the_old_one_whose_late_callback_changes_nothing(
    publishers: dict[str, set[str]],
) -> None:
    stream = make_live_stream(key="sk_right")
    old = make_publisher(stream, client_id="1", connected_at=timezone.now() - OLD)
    publishers[stream.public_id] = {"1"}
    assert broadcasts.authorize_publisher(key="sk_right", client_id="2") == stream.public_id
    assert publishers == {}, "the old one is disconnected"
    broadcasts.publisher_disconnected(key="sk_right", client_id="1")
    old.refresh_from_db()
    assert old.lost_at is not None
    assert stream.publisher_connections.get(lost_at=None).client_id == "2"


def test_an_encoder_accepted_a_moment_ago_is_dropped_once_the_media_server_lists_it(
    publishers: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make_live_stream(key="sk_right")
    make_publisher(stream, client_id="1", connected_at=database_now())
    waits = []

    def list_it(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            publishers[stream.public_id] = {"1"}

    monkeypatch.setattr("livestream.services.broadcasts.time.sleep", list_it)
    broadcasts.authorize_publisher(key="sk_right", client_id="2")
    assert (len(waits), publishers) == (3, {})


def test_an_encoder_that_left_before_the_media_server_listed_it_is_replaced(
    publishers: dict[str, set[str]],
) -> None:
    stream = make_live_stream(key="sk_right")
    make_publisher(stream, client_id="1", connected_at=database_now() - timedelta(seconds=6))
    broadcasts.authorize_publisher(key="sk_right", client_id="2")
    assert stream.publisher_connections.get(lost_at=None).client_id == "2"


def test_an_encoder_is_refused_if_the_other_one_cannot_be_dropped(
    publishers: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(public_id: str) -> None:
        raise MediaServerBadResponse("403")

    monkeypatch.setattr(media_server, "drop", refuses)
    stream = make_live_stream(key="sk_right")
    make_publisher(stream, client_id="1", connected_at=timezone.now() - OLD)
    publishers[stream.public_id] = {"1"}
    with pytest.raises(Conflict):
        broadcasts.authorize_publisher(key="sk_right", client_id="2")
    assert stream.publisher_connections.get(lost_at=None).client_id == "1"


def test_a_lost_publisher_has_a_minute_to_reconnect(
    publishers: dict[str, set[str]], captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    stream = make_live_stream()
    connection = make_publisher(stream, connected_at=timezone.now() - OLD)
    with django_capture_on_commit_callbacks(execute=True):
        broadcasts.reconcile_publishers()
    connection.refresh_from_db()
    stream.refresh_from_db()
    assert connection.lost_at is not None
    assert stream.status == "live"
    room, event, data = captured_events[-1]
    assert (room, event) == (f"stream.{stream.pk}", "stream:interrupted")
    assert data["reconnectBy"] > data["streamId"][:0]
    PublisherConnection.objects.update(lost_at=timezone.now() - settings.STREAM_RECONNECT_WINDOW)
    broadcasts.reconcile_publishers()
    stream.refresh_from_db()
    assert (stream.status, stream.end_reason) == ("ended", "publisher_gone")


def test_a_stream_whose_publisher_reconnected_continues(publishers: dict[str, set[str]]) -> None:
    stream = make_live_stream()
    make_publisher(stream, connected_at=timezone.now() - OLD, lost_at=timezone.now() - OLD)
    back = make_publisher(stream, client_id="9", connected_at=timezone.now() - timedelta(minutes=1))
    publishers[stream.public_id] = {"9"}
    broadcasts.reconcile_publishers()
    stream.refresh_from_db()
    back.refresh_from_db()
    assert (stream.status, back.lost_at) == ("live", None)


def test_a_publisher_marked_lost_by_mistake_is_connected_again(publishers: dict[str, set[str]]) -> None:
    stream = make_live_stream()
    connection = make_publisher(stream, connected_at=timezone.now() - OLD, lost_at=timezone.now())
    publishers[stream.public_id] = {"1"}
    broadcasts.reconcile_publishers()
    connection.refresh_from_db()
    assert connection.lost_at is None


def test_a_stream_without_an_encoder_ends_after_a_while(publishers: dict[str, set[str]]) -> None:
    waiting = make_live_stream()
    never = make_live_stream(
        started_at=timezone.now() - settings.STREAM_NEVER_PUBLISHED_AFTER - timedelta(seconds=1)
    )
    broadcasts.reconcile_publishers()
    waiting.refresh_from_db()
    never.refresh_from_db()
    assert (waiting.status, never.status, never.end_reason) == ("live", "ended", "never_published")


def test_a_publisher_of_an_ended_stream_is_dropped(publishers: dict[str, set[str]]) -> None:
    publishers["stream_of_yesterday"] = {"3"}
    broadcasts.reconcile_publishers()
    assert publishers == {}


def test_a_bad_response_of_the_media_server_ends_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> None:
        raise MediaServerBadResponse("403")

    monkeypatch.setattr(media_server, "publishers", refuses)
    stream = make_live_stream()
    connection = make_publisher(stream, connected_at=timezone.now() - OLD)
    broadcasts.reconcile_publishers()
    connection.refresh_from_db()
    assert connection.lost_at is None


def test_statistics_with_invalid_characters_from_an_encoder_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        b"<rtmp><server><application><name>live</name><live><stream><name>stream_a</name>"
        b"<client><id>3</id></client><client><id>1</id><flashver>\x01\xff</flashver><publishing/></client>"
        b"</stream><stream><name>idle</name></stream></live></application></server></rtmp>"
    )
    monkeypatch.setattr(server.MediaServer, "_request", lambda self, method, path: text)
    assert media_server.publishers() == {"stream_a": {"1"}}
    assert media_server.recordings() == {"stream_a"}


@pytest.mark.usefixtures("unreachable_media_server")
def test_an_unreachable_media_server_raises_unavailable() -> None:
    with pytest.raises(MediaServerUnavailable):
        media_server.publishers()
