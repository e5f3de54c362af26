"""The media server's callbacks."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from livestream.models import PublisherConnection
from livestream.services import health, streams
from livestream.tests.factories import make_live_stream, make_publisher

pytestmark = pytest.mark.django_db
SECRET = "shared-by-tests"


@pytest.fixture
def secret(settings: Any) -> str:
    settings.MEDIA_SECRET = SECRET
    return SECRET


def call(client: Any, event: str, secret: str, **form: str) -> Any:
    return client.post(f"/internal/media/{event}?secret={secret}", form)


@pytest.mark.usefixtures("unreachable_media_server")
def test_a_publisher_with_the_key_is_accepted_under_the_public_id(client: Any, secret: str) -> None:
    stream = make_live_stream(key="sk_right")
    answer = call(client, "publish", secret, name="sk_right", clientid="4", app="live", call="publish")
    assert (answer.status_code, answer["Location"]) == (302, stream.public_id)
    connection = PublisherConnection.objects.get()
    assert (connection.stream, connection.client_id, connection.lost_at) == (stream, "4", None)
    assert call(client, "publish", secret, name="sk_right", clientid="5").status_code == 409
    call(client, "publish_done", secret, name="sk_right", clientid="5")
    connection.refresh_from_db()
    assert connection.lost_at is None, "the refused encoder's callback must not disconnect the publisher"
    call(client, "publish_done", secret, name="sk_right", clientid="4")
    call(client, "publish_done", secret, name="sk_right", clientid="4")
    connection.refresh_from_db()
    assert connection.lost_at is not None
    assert call(client, "publish", secret, name="sk_right", clientid="6").status_code == 302
    assert PublisherConnection.objects.count() == 2


@pytest.mark.usefixtures("unreachable_media_server")
def test_rotating_the_key_interrupts_the_stream_until_the_encoder_uses_the_new_one(
    client: Any, secret: str, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    stream = make_live_stream(key="sk_old")
    room = f"stream.{stream.pk}"
    with django_capture_on_commit_callbacks(execute=True):
        streams.rotate_key(actor=stream.seller, stream_id=stream.pk)
    assert captured_events == [], "no encoder was publishing"
    make_publisher(stream)
    before = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        _, key = streams.rotate_key(actor=stream.seller, stream_id=stream.pk)
    [(published_to, event, data)] = captured_events
    assert (published_to, event, data["streamId"]) == (room, "stream:interrupted", str(stream.pk))
    reconnect_by = parse_datetime(data["reconnectBy"])
    assert reconnect_by is not None
    assert abs(reconnect_by - before - settings.STREAM_RECONNECT_WINDOW) < timedelta(seconds=5)
    with django_capture_on_commit_callbacks(execute=True):
        assert call(client, "publish", secret, name=key, clientid="2").status_code == 302
    assert captured_events[1:] == [], "there is no picture yet"
    with django_capture_on_commit_callbacks(execute=True):
        health.report_first_segment(public_id=stream.public_id)
    assert captured_events[1:] == [(room, "stream:resumed", {"streamId": str(stream.pk)})]


@pytest.mark.usefixtures("unreachable_media_server")
@pytest.mark.parametrize("pasted", ["sk_right ", "\n sk_right\r\n", "sk_right%20", "sk_right%0A"])
def test_a_space_pasted_with_the_key_is_forgiven(client: Any, secret: str, pasted: str) -> None:
    stream = make_live_stream(key="sk_right")
    answer = call(client, "publish", secret, name=pasted, clientid="1")
    assert (answer.status_code, answer["Location"]) == (302, stream.public_id)
    call(client, "publish_done", secret, name=pasted, clientid="1")
    assert PublisherConnection.objects.get().lost_at is not None


@pytest.mark.usefixtures("unreachable_media_server")
def test_a_field_that_an_encoder_adds_to_a_callback_makes_it_invalid(client: Any, secret: str) -> None:
    make_live_stream(key="sk_right")
    form = {"name": ["sk_wrong", "sk_right"], "clientid": ["1"]}
    assert client.post(f"/internal/media/publish?secret={secret}", form).status_code == 403
    assert not PublisherConnection.objects.exists()


@pytest.mark.usefixtures("unreachable_media_server")
@pytest.mark.parametrize("key", ["sk_wrong", "", "x" * 5000, "sk_\x00right", "🔑"])
def test_a_wrong_key_is_refused(client: Any, secret: str, key: str) -> None:
    make_live_stream(key="sk_right")
    assert call(client, "publish", secret, name=key, clientid="1").status_code == 403
    assert not PublisherConnection.objects.exists()


@pytest.mark.usefixtures("unreachable_media_server")
def test_the_key_of_a_stream_that_is_not_live_is_refused(client: Any, secret: str) -> None:
    stream = make_live_stream(key="sk_right")
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert call(client, "publish", secret, name="sk_right", clientid="1").status_code == 403


@pytest.mark.parametrize("event", ["publish", "publish_done", "record_done"])
@pytest.mark.parametrize("wrong", ["", "wrong"])
def test_callbacks_require_the_secret(client: Any, secret: str, event: str, wrong: str) -> None:
    make_live_stream(key="sk_right")
    assert call(client, event, wrong, name="sk_right", clientid="1").status_code == 403
    assert not PublisherConnection.objects.exists()


def test_without_a_secret_in_the_settings_callbacks_are_refused(client: Any, settings: Any) -> None:
    settings.MEDIA_SECRET = ""
    make_live_stream(key="sk_right")
    assert call(client, "publish", "", name="sk_right", clientid="1").status_code == 403


def test_the_path_of_a_recording_gives_no_access_to_other_files(
    client: Any, secret: str, settings: Any, tmp_path: Any, run_jobs: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    bystander = tmp_path / "bystander.flv"
    bystander.write_bytes(b"")
    for path in ("../bystander.flv", "/etc/passwd", str(bystander), "stream_zz"):
        assert call(client, "record_done", secret, path=path).status_code == 200
    assert bystander.exists()
    assert run_jobs() == []
