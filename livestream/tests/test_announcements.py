"""Who is notified that a stream is live, and how fast going live is."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.db.models import F
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Follow, User
from accounts.tests.factories import block, follow, make_seller, make_user
from listings.tests.factories import DUBAI_MARINA, make_product
from livestream.models import Announcement, Stream
from livestream.services import announcements, streams
from livestream.tests.factories import make_stream
from notifications.models import Notification
from notifications.services.notify import notify
from notifications.tests.factories import text_of

pytestmark = pytest.mark.django_db
FAR_AWAY = Point(55.2708, 25.2048, srid=4326)


def go_live(stream: Stream) -> tuple[Stream, str]:
    return streams.go_live(
        actor=stream.seller, stream_id=stream.pk, camera_ready=True, checklist_complete=True
    )


def test_followers_and_neighbours_are_notified_once_each_and_counted_exactly(run_jobs: Any) -> None:
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
    assert run_jobs() == ["livestream.announce_stream"]
    notifications = Notification.objects.all()
    assert {one.user_id for one in notifications} == {neighbour.pk, follower_next_door.pk, follower.pk}
    assert {(one.kind, text_of(one).title, one.data["stream_id"]) for one in notifications} == {
        ("stream_live", f"@{seller.username} is live", str(stream.pk))
    }
    assert announcements.announce_stream(stream_id=stream.pk) == 0
    assert Notification.objects.count() == 3


def test_the_settings_decide_who_is_notified() -> None:
    seller = make_seller(location=DUBAI_MARINA)
    follow(make_user(), seller)
    make_user(location=DUBAI_MARINA)

    def recipients(**overrides: Any) -> int:
        count = announcements.choose_recipients(make_stream(seller=seller, **overrides))
        Announcement.objects.all().delete()
        return count

    assert recipients() == 1
    assert recipients(notify_neighborhood=True) == 2
    assert recipients(notify_followers=False, notify_neighborhood=True) == 1
    assert recipients(notify_followers=False) == 0
    assert recipients(notify_neighborhood=True, audience="followers") == 1
    without_location = make_seller()
    stream = make_stream(
        seller=without_location,
        notify_neighborhood=True,
        products=[make_product(seller=without_location)],
    )
    assert announcements.choose_recipients(stream) == 2, "the first product's location is used"


def test_a_killed_announcement_resumes_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "BATCH_SIZE", 2)
    seller = make_seller()
    for _ in range(5):
        follow(make_user(), seller)
    stream, _ = go_live(make_stream(seller=seller))
    calls = []

    def killed_in_the_second_batch(**arguments: Any) -> int:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return notify(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(announcements, "notify", killed_in_the_second_batch)
        with pytest.raises(KeyboardInterrupt):
            announcements.announce_stream(stream_id=stream.pk)
    assert Notification.objects.count() == 2
    assert announcements.announce_stream(stream_id=stream.pk) == 3
    assert Notification.objects.count() == 5
    assert Notification.objects.values("user").distinct().count() == 5


def test_going_live_is_fast_with_a_large_audience() -> None:
    seller = make_seller(location=DUBAI_MARINA)
    number = 3_000
    people = User.objects.bulk_create(
        (
            User(username=f"crowd{index}", email=f"crowd{index}@example.com", location=DUBAI_MARINA)
            for index in range(number)
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
    assert took < 1  # the target is 0.3 s on a quiet machine
    assert ProcrastinateJob.objects.filter(task_name="livestream.announce_stream").count() == 1


def go_live_again(seller: User, **overrides: Any) -> int:
    """Plan a stream, go live, end it, and return how many people were to be notified."""
    stream = make_stream(seller=seller, **overrides)
    live, _ = go_live(stream)
    sent = live.notifications_sent
    streams.end_stream(actor=seller, stream_id=stream.pk)
    return sent


def let_pass(**passed: float) -> None:
    Announcement.objects.update(created_at=F("created_at") - timedelta(**passed))


def test_a_sellers_followers_are_notified_once_in_ten_minutes() -> None:
    seller, other = make_seller(), make_seller()
    follower = make_user()
    follow(follower, seller)
    follow(follower, other)
    assert go_live_again(seller) == 1
    assert [go_live_again(seller) for _ in range(20)] == [0] * 20
    assert go_live_again(other) == 1, "the limit is each seller's own"
    let_pass(minutes=9, seconds=59)
    assert go_live_again(seller) == 0
    let_pass(seconds=2)
    assert go_live_again(seller) == 1


def test_a_sellers_neighbours_are_notified_once_in_twelve_hours() -> None:
    seller = make_seller(location=DUBAI_MARINA)
    make_user(location=DUBAI_MARINA)
    assert go_live_again(seller, notify_neighborhood=True) == 1
    assert go_live_again(seller, notify_neighborhood=True) == 0
    let_pass(hours=11, minutes=59)
    assert go_live_again(seller, notify_neighborhood=True) == 0
    let_pass(minutes=2)
    assert go_live_again(seller, notify_neighborhood=True) == 1


def test_an_announcement_to_nobody_uses_up_no_limit() -> None:
    seller = make_seller(location=DUBAI_MARINA)
    assert go_live_again(seller, notify_neighborhood=True) == 0
    make_user(location=DUBAI_MARINA)
    follow(make_user(), seller)
    assert go_live_again(seller, notify_neighborhood=True) == 2


def test_a_seller_without_a_confirmed_contact_reaches_followers_only() -> None:
    seller = make_seller(location=DUBAI_MARINA, is_verified=False)
    make_user(location=DUBAI_MARINA)
    follow(make_user(location=DUBAI_MARINA), seller)
    stream = make_stream(seller=seller, notify_neighborhood=True)
    live, _ = go_live(stream)
    assert live.notifications_sent == 1
    assert live.announcement.neighbour_count == 0


def test_a_follower_next_door_is_not_notified_again_as_a_neighbour() -> None:
    seller = make_seller(location=DUBAI_MARINA)
    follow(make_user(location=DUBAI_MARINA), seller)
    assert go_live_again(seller) == 1
    assert go_live_again(seller, notify_followers=False, notify_neighborhood=True) == 0


def test_a_neighbour_is_notified_by_at_most_five_sellers_a_day() -> None:
    make_user(location=DUBAI_MARINA)

    def announce() -> int:
        return go_live_again(
            make_seller(location=Point(55.1369, 25.0772 + 0.01, srid=4326)), notify_neighborhood=True
        )

    # Each seller is a neighbour of the later ones too.
    assert [announce() for _ in range(8)] == [1, 2, 3, 4, 5, 5, 5, 5]
    let_pass(hours=24)
    newcomer = make_user(location=DUBAI_MARINA)
    assert announce() == 10
    assert newcomer.pk in Announcement.objects.latest("created_at").recipient_ids


def test_followers_are_notified_also_after_five_sellers_nearby() -> None:
    person = make_user(location=DUBAI_MARINA)
    for _ in range(6):
        go_live_again(make_seller(location=DUBAI_MARINA), notify_neighborhood=True)
    followed = make_seller(location=DUBAI_MARINA)
    follow(person, followed)
    stream, _ = go_live(make_stream(seller=followed))
    assert stream.announcement.recipient_ids == [person.pk]


def test_the_people_chosen_are_notified_whoever_follows_afterwards(run_jobs: Any) -> None:
    seller = make_seller()
    early, late = make_user(), make_user()
    follow(early, seller)
    stream, _ = go_live(make_stream(seller=seller))
    follow(late, seller)
    run_jobs()
    assert [one.user_id for one in Notification.objects.all()] == [early.pk]
    stream.refresh_from_db()
    assert stream.notifications_sent == 1


def test_people_who_block_the_seller_before_they_are_reached_are_left_out_of_the_count(run_jobs: Any) -> None:
    seller = make_seller()
    people = [make_user() for _ in range(3)]
    for person in people:
        follow(person, seller)
    stream, _ = go_live(make_stream(seller=seller))
    assert stream.notifications_sent == 3
    block(people[0], seller)
    User.objects.filter(pk=people[1].pk).update(is_active=False, banned_at=timezone.now())
    run_jobs()
    assert [one.user_id for one in Notification.objects.all()] == [people[2].pk]
    stream.refresh_from_db()
    assert stream.notifications_sent == 1


def test_a_stream_that_ends_before_people_are_reached_counts_those_who_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announcements, "BATCH_SIZE", 2)
    seller = make_seller()
    for _ in range(5):
        follow(make_user(), seller)
    stream, _ = go_live(make_stream(seller=seller))

    def notify_and_end(**arguments: Any) -> int:
        streams.end_stream(actor=seller, stream_id=stream.pk)
        return notify(**arguments)

    monkeypatch.setattr(announcements, "notify", notify_and_end)
    assert announcements.announce_stream(stream_id=stream.pk) == 2
    stream.refresh_from_db()
    assert stream.notifications_sent == Notification.objects.count() == 2


def test_old_announcements_are_deleted_once_no_limit_needs_them() -> None:
    go_live_again(make_seller())
    let_pass(hours=47)
    announcements.delete_old_announcements()
    assert Announcement.objects.count() == 1
    let_pass(hours=2)
    announcements.delete_old_announcements()
    assert not Announcement.objects.exists()
