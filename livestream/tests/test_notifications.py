"""What people are notified of about streams and replays, in both languages, and never after a rollback."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from accounts.tests.factories import follow, make_seller, make_staff, make_user
from livestream.models import Replay, Stream
from livestream.services import streams, withdrawn_replays
from livestream.tests.factories import make_live_stream, make_stream
from notifications.models import Notification
from notifications.tests.factories import text_of

pytestmark = pytest.mark.django_db


def go_live(stream: Stream) -> None:
    streams.go_live(actor=stream.seller, stream_id=stream.pk, camera_ready=True, checklist_complete=True)


def end_by_staff(stream: Stream) -> None:
    streams.end_stream_by_staff(actor=make_staff(), stream_id=stream.pk, reason="Counterfeits")


def remove_replay(stream: Stream) -> None:
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    Replay.objects.filter(stream=stream).update(state=Replay.State.READY)
    withdrawn_replays.withdraw_replay_by_staff(actor=make_staff(), stream_id=stream.pk, reason="Counterfeits")


def test_a_follower_is_told_who_is_live_with_which_stream(run_jobs: Any) -> None:
    seller, follower = make_seller(username="noura"), make_user()
    follow(follower, seller)
    stream = make_stream(seller=seller, title="Sneakers")
    go_live(stream)
    run_jobs()
    row = Notification.objects.get()
    assert (row.user_id, row.kind, row.actor_id) == (follower.pk, "stream_live", seller.pk)
    assert text_of(row) == ("@noura is live", "Sneakers")
    assert text_of(row, "ar") == ("بدأ @noura بثًا مباشرًا", "Sneakers")
    assert row.data == {"stream_id": str(stream.pk), "seller_id": str(seller.pk), "category": "sneakers"}


@pytest.mark.parametrize(
    ("change", "kind", "title", "words", "arabic"),
    [
        (
            end_by_staff,
            "stream_ended_by_staff",
            "Our staff ended your stream",
            "Counterfeits",
            "أنهى فريقنا بثك",
        ),
        (
            remove_replay,
            "replay_withdrawn",
            "Your stream has no replay",
            "Our staff removed this replay.",
            "لا توجد إعادة لبثك",
        ),
    ],
)
def test_the_seller_is_told_what_staff_did(
    change: Callable[[Stream], None], kind: str, title: str, words: str, arabic: str
) -> None:
    stream = make_live_stream()
    change(stream)
    row = Notification.objects.get()
    assert (row.user_id, row.kind, row.data["stream_id"]) == (stream.seller_id, kind, str(stream.pk))
    assert text_of(row).title == title
    assert words in text_of(row).body
    assert text_of(row, "ar").title == arabic


@pytest.mark.parametrize("change", [end_by_staff, remove_replay])
def test_what_was_rolled_back_notifies_nobody(change: Callable[[Stream], None]) -> None:
    stream = make_live_stream()
    with transaction.atomic():
        change(stream)
        assert Notification.objects.exists()
        transaction.set_rollback(True)
    assert not Notification.objects.exists()


def test_a_stream_that_goes_live_in_a_transaction_that_is_rolled_back_is_not_announced(run_jobs: Any) -> None:
    stream = make_stream()
    follow(make_user(), stream.seller)
    with transaction.atomic():
        go_live(stream)
        transaction.set_rollback(True)
    assert run_jobs() == []
