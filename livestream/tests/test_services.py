"""Announcements, analytics, products that go off sale, the media server's callbacks and its silence."""

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.contrib.gis.geos import Point
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Follow, User
from accounts.tests.factories import block, client_for, follow, make_seller, make_staff, make_user
from chat.tests.factories import make_conversation
from listings.services import hide_product
from listings.tests.factories import DUBAI_MARINA, make_product
from livestream.media import recordings, server
from livestream.media.server import MediaServerAway, MediaServerRefuses, media_server
from livestream.models import PublisherConnection, ReactionTotal, Replay, Stream, StreamProduct, ViewerSession
from livestream.selectors import audiences
from livestream.selectors.analytics import analytics
from livestream.services import announcements, broadcasts, products, replays, streams
from livestream.tests.factories import make_live_stream, make_publisher, make_stream
from notifications.models import Notification
from offers.tests.factories import make_offer, make_sale
from soukloop.core.errors import Forbidden

pytestmark = pytest.mark.django_db

SECRET = "shared-by-tests"
FAR_AWAY = Point(55.2708, 25.2048, srid=4326)


def go_live(stream: Stream) -> tuple[Stream, str]:
    return streams.go_live(
        actor=stream.seller, stream_id=stream.pk, camera_ready=True, checklist_complete=True
    )


# --- Announcements ----------------------------------------------------------------------------------


def test_followers_and_neighbours_are_told_once_each_and_as_many_as_were_counted(run_jobs: Any) -> None:
    seller = make_seller(location=DUBAI_MARINA)
    neighbour = make_user(location=Point(55.14, 25.08, srid=4326))
    follower_next_door = make_user(location=DUBAI_MARINA)
    follower = make_user(location=FAR_AWAY)
    make_user(location=FAR_AWAY)
    blocked = make_user(location=DUBAI_MARINA)
    block(blocked, seller)
    for person in (follower_next_door, follower, blocked):
        follow(person, seller)
    stream = make_stream(seller=seller, notify_neighborhood=True)
    live, _ = go_live(stream)
    assert live.notifications_sent == 3
    assert not Notification.objects.exists()
    assert run_jobs() == ["livestream.announce"]
    told = Notification.objects.all()
    assert {one.user_id for one in told} == {neighbour.pk, follower_next_door.pk, follower.pk}
    assert {(one.kind, one.title, one.data["streamId"]) for one in told} == {
        ("stream_live", f"@{seller.username} is live", str(stream.pk))
    }
    assert announcements.announce(stream_id=stream.pk) == 0
    assert Notification.objects.count() == 3


def test_who_is_told_follows_the_settings() -> None:
    seller = make_seller(location=DUBAI_MARINA)
    follow(make_user(), seller)
    make_user(location=DUBAI_MARINA)

    def told(**overrides: Any) -> int:
        return audiences.count_people_to_notify(make_stream(seller=seller, **overrides))

    assert told() == 1
    assert told(notify_neighborhood=True) == 2
    assert told(notify_followers=False, notify_neighborhood=True) == 1
    assert told(notify_followers=False) == 0
    assert told(notify_neighborhood=True, audience="followers") == 1
    nowhere = make_seller()
    stream = make_stream(seller=nowhere, notify_neighborhood=True, products=[make_product(seller=nowhere)])
    assert audiences.count_people_to_notify(stream) == 2, "the first product's place stands in"


def test_a_killed_announcement_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "BATCH", 2)
    seller = make_seller()
    for _ in range(5):
        follow(make_user(), seller)
    stream, _ = go_live(make_stream(seller=seller))
    real, calls = announcements.notify, []

    def killed_in_the_second(**arguments: Any) -> int:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(announcements, "notify", killed_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            announcements.announce(stream_id=stream.pk)
    assert Notification.objects.count() == 2
    assert announcements.announce(stream_id=stream.pk) == 3
    assert Notification.objects.count() == 5
    assert Notification.objects.values("user").distinct().count() == 5


def test_going_live_is_quick_whatever_the_audience() -> None:
    seller = make_seller(location=DUBAI_MARINA)
    number = 3_000
    people = User.objects.bulk_create(
        (
            User(username=f"crowd{one}", email=f"crowd{one}@example.com", location=DUBAI_MARINA)
            for one in range(number)
        ),
        batch_size=1000,
    )
    Follow.objects.bulk_create(
        (Follow(follower=person, followed=seller) for person in people), batch_size=1000
    )
    stream = make_stream(seller=seller, notify_neighborhood=True)
    started = time.perf_counter()
    live, _ = go_live(stream)
    took = time.perf_counter() - started
    print(f"going live for {number} people: {took * 1000:.0f} ms")
    assert live.notifications_sent == number
    assert took < 1  # the figure is 0.3 s; this machine may be busy with other things
    assert ProcrastinateJob.objects.filter(task_name="livestream.announce").count() == 1


# --- Analytics --------------------------------------------------------------------------------------


def test_every_figure_of_the_analytics_is_counted() -> None:
    seller = make_seller()
    sold, asked, untouched = (make_product(seller=seller) for _ in range(3))
    old_follower = make_user()
    follow(old_follower, seller)
    stream = make_live_stream(seller=seller, products=[sold, asked, untouched], notifications_sent=7)
    other = make_live_stream()
    for product in (sold, asked, untouched):
        product.refresh_from_db()
    start = stream.started_at
    assert start is not None
    StreamProduct.objects.filter(product=sold).update(
        clicks=4, tag_x=0, tag_y=0, tag_timestamp_seconds=1, first_tagged_at=start + timedelta(seconds=20)
    )
    stays = [("Dubai Marina", 0, 10), ("Dubai Marina", 0, 60), ("JBR", 30, 90), ("", 0, 30)]
    for number, (neighborhood, joined, left) in enumerate(stays):
        ViewerSession.objects.create(
            stream=stream,
            user=make_user(),
            connection_id=f"c{number}",
            neighborhood=neighborhood,
            joined_at=start + timedelta(seconds=joined),
            last_seen_at=start,
            left_at=start + timedelta(seconds=left),
        )
    ReactionTotal.objects.create(stream=stream, emoji="🔥", count=2)
    ReactionTotal.objects.create(stream=stream, emoji="❤️", count=5)
    ReactionTotal.objects.create(stream=other, emoji="❤️", count=50)
    follow(make_user(), seller)
    Follow.objects.filter(follower=old_follower).update(created_at=start - timedelta(days=1))
    make_sale(sold, price="800.00")
    curious = make_user()
    make_conversation(buyer=curious, product=asked)
    make_offer(asked, buyer=curious)
    make_offer(asked)
    make_sale()
    stream.refresh_from_db()
    stream.ended_at = timezone.now() + timedelta(seconds=100)

    body = analytics(stream, 100)
    assert body["basicStats"] == {
        "duration": 100,
        "peakViewers": 3,
        "uniqueViewers": 4,
        "averageWatchTime": 40,
        "notificationsSent": 7,
    }
    assert body["engagement"] == {
        "totalLikes": 7,
        "totalReactions": {"❤️": 5, "🔥": 2},
        "chatMessages": 0,
        "newFollowers": 1,
    }
    assert list(body["engagement"]["totalReactions"]) == ["❤️", "🔥"]
    assert [
        (one["productId"], one["clicks"], one["views"], one["inquiries"], one["purchases"], one["revenue"])
        for one in body["products"]
    ] == [
        (sold.pk, 4, 3, 1, 1, Decimal("800.00")),
        (asked.pk, 0, 0, 2, 0, 0),
        (untouched.pk, 0, 0, 0, 0, 0),
    ]
    assert body["revenue"] == {
        "totalSales": 1,
        "grossRevenue": Decimal("800.00"),
        "platformFee": Decimal("40.00"),
        "netRevenue": Decimal("760.00"),
    }
    assert body["geography"] == {
        "topNeighborhoods": [
            {"neighborhood": "Dubai Marina", "viewers": 2},
            {"neighborhood": "JBR", "viewers": 1},
        ]
    }


def test_a_cancelled_sale_is_no_revenue() -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    sale = make_sale(product)
    assert sale.stream_id == stream.pk
    type(sale).objects.filter(pk=sale.pk).update(status="cancelled", closed_at=timezone.now())
    assert analytics(stream, 1)["revenue"]["totalSales"] == 0


def test_the_analytics_answer_has_the_guide_s_shape() -> None:
    stream = make_live_stream(products=[])
    data = client_for(stream.seller).get(f"/api/v1/streams/{stream.pk}/analytics").json()["data"]
    assert set(data) >= {"basicStats", "engagement", "products", "revenue", "geography"}
    assert data["basicStats"]["averageWatchTime"] is None
    assert data["revenue"] == {"totalSales": 0, "grossRevenue": 0, "platformFee": 0, "netRevenue": 0}
    assert data["geography"] == {"topNeighborhoods": []}


# --- Products ---------------------------------------------------------------------------------------


def test_a_product_that_is_hidden_while_on_air_is_out_of_the_room(
    captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    with django_capture_on_commit_callbacks(execute=True):
        hide_product(actor=make_staff(), product_id=product.pk, reason="Fake")
    product.refresh_from_db()
    assert product.live_stream_id is None
    assert (
        f"stream.{stream.pk}",
        "product:untagged",
        {"streamId": str(stream.pk), "productId": str(product.pk), "reason": "hidden"},
    ) in captured_events


def test_what_was_shown_live_and_taken_out_stays_in_the_figures() -> None:
    seller = make_seller()
    product = make_product(seller=seller)
    stream = make_live_stream(seller=seller, products=[product])
    products.click_product(actor=make_user(), stream_id=stream.pk, product_id=product.pk)
    products.detach_product(actor=seller, stream_id=stream.pk, product_id=product.pk)
    assert [one["clicks"] for one in analytics(stream, 1)["products"]] == [1]
    products.attach_product(actor=seller, stream_id=stream.pk, product_id=product.pk)
    assert StreamProduct.objects.get().clicks == 1


# --- The media server's callbacks ---------------------------------------------------------------------


@pytest.fixture
def secret(settings: Any) -> str:
    settings.MEDIA_SECRET = SECRET
    return SECRET


@pytest.fixture
def silent_media_server(settings: Any) -> None:
    settings.MEDIA_CONTROL_URL = "http://127.0.0.1:9"  # the discard port: nobody answers


def call(client: Any, event: str, secret: str, **form: str) -> Any:
    return client.post(f"/internal/media/{event}?secret={secret}", form)


@pytest.mark.usefixtures("silent_media_server")
def test_a_publisher_with_the_key_is_let_in_under_the_public_id(client: Any, secret: str) -> None:
    stream = make_live_stream(key="sk_right")
    answer = call(client, "publish", secret, name="sk_right", clientid="4", app="live", call="publish")
    assert (answer.status_code, answer["Location"]) == (302, stream.public_id)
    connection = PublisherConnection.objects.get()
    assert (connection.stream, connection.client_id, connection.lost_at) == (stream, "4", None)
    assert call(client, "publish", secret, name="sk_right", clientid="5").status_code == 409
    call(client, "publish_done", secret, name="sk_right", clientid="5")
    connection.refresh_from_db()
    assert connection.lost_at is None, "the refused one's farewell is not the publisher's"
    call(client, "publish_done", secret, name="sk_right", clientid="4")
    call(client, "publish_done", secret, name="sk_right", clientid="4")
    connection.refresh_from_db()
    assert connection.lost_at is not None
    assert call(client, "publish", secret, name="sk_right", clientid="6").status_code == 302
    assert PublisherConnection.objects.count() == 2


@pytest.mark.usefixtures("silent_media_server")
def test_a_rotated_key_interrupts_the_picture_until_the_encoder_is_back_with_the_new_one(
    client: Any, secret: str, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    stream = make_live_stream(key="sk_old")
    room = f"stream.{stream.pk}"
    with django_capture_on_commit_callbacks(execute=True):
        streams.rotate_key(actor=stream.seller, stream_id=stream.pk)
    assert captured_events == [], "nobody was publishing"
    make_publisher(stream)
    before = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        _, key = streams.rotate_key(actor=stream.seller, stream_id=stream.pk)
    [(told, event, data)] = captured_events
    assert (told, event, data["streamId"]) == (room, "stream:interrupted", str(stream.pk))
    reconnect_by = parse_datetime(data["reconnectBy"])
    assert reconnect_by is not None
    assert abs(reconnect_by - before - settings.STREAM_RECONNECT_WINDOW) < timedelta(seconds=5)
    with django_capture_on_commit_callbacks(execute=True):
        assert call(client, "publish", secret, name=key, clientid="2").status_code == 302
    assert captured_events[1:] == [(room, "stream:resumed", {"streamId": str(stream.pk)})]


@pytest.mark.usefixtures("silent_media_server")
@pytest.mark.parametrize("key", ["sk_wrong", "", "x" * 5000, "sk_\x00right", "🔑"])
def test_a_wrong_key_is_refused(client: Any, secret: str, key: str) -> None:
    make_live_stream(key="sk_right")
    assert call(client, "publish", secret, name=key, clientid="1").status_code == 403
    assert not PublisherConnection.objects.exists()


@pytest.mark.usefixtures("silent_media_server")
def test_the_key_of_a_stream_that_isn_t_live_is_refused(client: Any, secret: str) -> None:
    stream = make_live_stream(key="sk_right")
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert call(client, "publish", secret, name="sk_right", clientid="1").status_code == 403


@pytest.mark.parametrize("event", ["publish", "publish_done", "record_done"])
@pytest.mark.parametrize("wrong", ["", "wrong"])
def test_callbacks_want_the_secret(client: Any, secret: str, event: str, wrong: str) -> None:
    make_live_stream(key="sk_right")
    assert call(client, event, wrong, name="sk_right", clientid="1").status_code == 403
    assert not PublisherConnection.objects.exists()


def test_without_a_secret_in_the_settings_nobody_gets_in(client: Any, settings: Any) -> None:
    settings.MEDIA_SECRET = ""
    make_live_stream(key="sk_right")
    assert call(client, "publish", "", name="sk_right", clientid="1").status_code == 403


def test_a_recording_s_path_is_only_a_name(
    client: Any, secret: str, settings: Any, tmp_path: Any, run_jobs: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    bystander = tmp_path / "bystander.flv"
    bystander.write_bytes(b"")
    for path in ("../bystander.flv", "/etc/passwd", str(bystander), "stream_zz"):
        assert call(client, "record_done", secret, path=path).status_code == 200
    assert bystander.exists()
    assert run_jobs() == []


# --- What the media server says, and its silence ------------------------------------------------------


@pytest.fixture
def on_air(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Stand in for the media server's statistics; what it is asked to drop is gone from them."""
    publishers: dict[str, set[str]] = {}
    monkeypatch.setattr(media_server, "publishers", lambda: publishers)
    monkeypatch.setattr(media_server, "drop", lambda public_id: bool(publishers.pop(public_id, None)))
    return publishers


OLD = timedelta(minutes=5)


def test_a_publisher_that_vanished_has_a_minute_to_come_back(
    on_air: dict[str, set[str]], captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    stream = make_live_stream()
    connection = make_publisher(stream, connected_at=timezone.now() - OLD)
    with django_capture_on_commit_callbacks(execute=True):
        broadcasts.reconcile()
    connection.refresh_from_db()
    stream.refresh_from_db()
    assert connection.lost_at is not None
    assert stream.status == "live"
    room, event, data = captured_events[-1]
    assert (room, event) == (f"stream.{stream.pk}", "stream:interrupted")
    assert data["reconnectBy"] > data["streamId"][:0]
    PublisherConnection.objects.update(lost_at=timezone.now() - settings.STREAM_RECONNECT_WINDOW)
    broadcasts.reconcile()
    stream.refresh_from_db()
    assert (stream.status, stream.end_reason) == ("ended", "publisher_gone")


def test_a_publisher_that_is_there_or_came_back_keeps_its_stream(on_air: dict[str, set[str]]) -> None:
    stream = make_live_stream()
    make_publisher(stream, connected_at=timezone.now() - OLD, lost_at=timezone.now() - OLD)
    back = make_publisher(stream, client_id="9", connected_at=timezone.now() - timedelta(minutes=1))
    on_air[stream.public_id] = {"9"}
    broadcasts.reconcile()
    stream.refresh_from_db()
    back.refresh_from_db()
    assert (stream.status, back.lost_at) == ("live", None)


def test_a_publisher_lost_by_mistake_is_found_again(on_air: dict[str, set[str]]) -> None:
    stream = make_live_stream()
    connection = make_publisher(stream, connected_at=timezone.now() - OLD, lost_at=timezone.now())
    on_air[stream.public_id] = {"1"}
    broadcasts.reconcile()
    connection.refresh_from_db()
    assert connection.lost_at is None


def test_a_stream_no_encoder_ever_came_to_ends_after_a_while(on_air: dict[str, set[str]]) -> None:
    waiting = make_live_stream()
    never = make_live_stream(
        started_at=timezone.now() - settings.STREAM_NEVER_PUBLISHED_AFTER - timedelta(seconds=1)
    )
    broadcasts.reconcile()
    waiting.refresh_from_db()
    never.refresh_from_db()
    assert (waiting.status, never.status, never.end_reason) == ("live", "ended", "never_published")


def test_who_still_broadcasts_after_the_end_is_cut_off(on_air: dict[str, set[str]]) -> None:
    on_air["stream_of_yesterday"] = {"3"}
    broadcasts.reconcile()
    assert on_air == {}


def test_a_media_server_that_refuses_to_say_ends_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> None:
        raise MediaServerRefuses("403")

    monkeypatch.setattr(media_server, "publishers", refuses)
    stream = make_live_stream()
    connection = make_publisher(stream, connected_at=timezone.now() - OLD)
    broadcasts.reconcile()
    connection.refresh_from_db()
    assert connection.lost_at is None


def test_statistics_are_read_whatever_an_encoder_calls_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        b"<rtmp><server><application><name>live</name><live><stream><name>stream_a</name>"
        b"<client><id>3</id></client><client><id>1</id><flashver>\x01\xff</flashver><publishing/></client>"
        b"</stream><stream><name>idle</name></stream></live></application>"
        b"<application><name>pkg</name><live><stream><name>stream_b</name>"
        b"<client><id>4</id><publishing/></client></stream></live></application></server></rtmp>"
    )
    monkeypatch.setattr(server.MediaServer, "_ask", lambda self, method, path: text)
    assert media_server.publishers() == {"stream_a": {"1"}}
    assert media_server.recordings() == {"stream_b"}


@pytest.mark.usefixtures("silent_media_server")
def test_a_media_server_that_is_away_says_so() -> None:
    with pytest.raises(MediaServerAway):
        media_server.publishers()


# --- Ends and replays ---------------------------------------------------------------------------------


def test_only_staff_end_other_peoples_streams() -> None:
    stream = make_live_stream()
    with pytest.raises(Forbidden):
        streams.end_by_staff(actor=make_seller(), stream_id=stream.pk, reason="Because")
    stream.refresh_from_db()
    assert stream.status == "live"


@pytest.mark.usefixtures("silent_media_server")
def test_a_stream_nobody_broadcast_has_an_empty_replay(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    stream = make_live_stream()
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    replays.make_replay(stream_id=stream.pk)
    assert Replay.objects.get().state == "empty"
    data = client_for(make_user()).get(f"/api/v1/streams/{stream.pk}").json()["data"]
    assert data["vodUrl"] is None


@pytest.mark.usefixtures("silent_media_server")
def test_a_recording_that_can_t_be_read_is_given_up_as_empty_and_nothing_is_stuck(
    settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    stream = make_live_stream()
    make_publisher(stream)
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    recordings.folder().mkdir()
    (recordings.folder() / f"{stream.public_id}-1.flv").write_bytes(b"FLV\x01 and noise")
    replays.make_replay(stream_id=stream.pk)
    assert Replay.objects.get().state == "empty"
    assert recordings.of_stream(stream.public_id) == []


@pytest.mark.usefixtures("silent_media_server")
def test_a_replay_whose_job_got_lost_is_taken_up(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    stream = make_live_stream()
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    before = ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count()
    replays.take_up_replays()
    assert ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count() == before
    Replay.objects.update(updated_at=timezone.now() - timedelta(minutes=1))
    replays.take_up_replays()
    replays.take_up_replays()
    assert ProcrastinateJob.objects.filter(task_name="livestream.make_replay").count() == before + 1


def test_the_sweep_keeps_what_is_needed_and_no_more(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    recordings.folder().mkdir()
    live = make_live_stream()
    unwanted = make_live_stream(record_stream=False)
    waiting, done = make_live_stream(), make_live_stream()
    for stream in (unwanted, waiting, done):
        streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    Replay.objects.filter(stream=done).update(state="ready")
    names = [f"{stream.public_id}-1.flv" for stream in (live, waiting, unwanted, done)]
    for name in (*names, "stream_0000-1.flv", "odd.flv"):
        (recordings.folder() / name).write_bytes(b"")
    assert replays.sweep_recordings() == 4
    assert sorted(path.name for path in recordings.folder().iterdir()) == sorted(names[:2])
