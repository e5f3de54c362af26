"""Concurrent calls of services, in real transactions."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import F

from accounts.models import User
from accounts.tests.factories import follow, make_seller, make_user
from listings.services import delete_product
from listings.tests.factories import DUBAI_MARINA, make_product
from livestream import live_counts
from livestream.models import Announcement, ChatMessage, PublisherConnection, Stream, ViewerSession
from livestream.services import broadcasts, chat, reactions, room_sweeps, streams, viewers
from livestream.tests.factories import make_live_stream, make_stream
from soukloop.core.errors import Conflict, DomainError

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call all functions at the same time, each in a thread; return their results or DomainErrors."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            start.wait(30)
            return work()
        except DomainError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def times(count: int, work: Callable[[], Any]) -> None:
    for _ in range(count):
        work()


def go_live(stream: Stream) -> Any:
    return streams.go_live(
        actor=stream.seller, stream_id=stream.pk, camera_ready=True, checklist_complete=True
    )


def test_a_sellers_scheduled_streams_going_live_at_once_leave_one_live() -> None:
    for _ in range(ROUNDS):
        seller = make_seller()
        planned = [make_stream(seller=seller) for _ in range(6)]
        answers = at_once([partial(go_live, stream) for stream in planned])
        refused = [answer for answer in answers if isinstance(answer, DomainError)]
        assert {error.code for error in refused} == {"already_live"}
        assert len(refused) == 5
        assert Stream.objects.of_seller(seller.pk).live().count() == 1


def test_a_stream_goes_live_once_and_the_returned_key_is_its_key() -> None:
    for _ in range(ROUNDS):
        stream = make_stream()
        answers = at_once([partial(go_live, stream)] * 6)
        won = [answer for answer in answers if not isinstance(answer, DomainError)]
        assert len(won) == 1
        stream.refresh_from_db()
        assert stream.key_digest == won[0][0].key_digest


def test_a_stream_ended_by_many_at_once_ends_once() -> None:
    for _ in range(ROUNDS):
        stream = make_live_stream()
        answers = at_once(
            [partial(streams.end_stream, actor=stream.seller, stream_id=stream.pk)] * 4
            + [partial(streams.close_streams_of, stream.seller)]
        )
        refused = [answer for answer in answers if isinstance(answer, Conflict)]
        stream.refresh_from_db()
        assert stream.status == "ended"
        assert len(refused) == (3 if stream.end_reason == "owner" else 4)


def test_messages_are_numbered_without_gaps_and_none_is_saved_after_the_end() -> None:
    for _ in range(3):
        stream = make_live_stream()
        people = [make_user() for _ in range(15)]
        works: list[Callable[[], Any]] = [
            partial(times, 4, partial(chat.post_message, actor=user, stream_id=stream.pk, message="Hi"))
            for user in people
        ]
        works.append(partial(streams.end_stream, actor=stream.seller, stream_id=stream.pk))
        at_once(works)
        stream.refresh_from_db()
        seqs = list(ChatMessage.objects.filter(stream=stream).order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, stream.last_chat_seq + 1))
        assert stream.chat_count == stream.last_chat_seq
        assert not ChatMessage.objects.filter(stream=stream, created_at__gt=F("stream__ended_at")).exists()


def test_one_client_message_id_sent_many_times_at_once_is_one_message() -> None:
    stream = make_live_stream()
    for number in range(ROUNDS):
        client_id = f"phone-{number}"
        answers = at_once(
            [
                partial(
                    chat.post_message,
                    actor=stream.seller,
                    stream_id=stream.pk,
                    message="Hi",
                    client_message_id=client_id,
                )
            ]
            * 6
        )
        assert len({answer["messageId"] for answer in answers}) == 1
    stream.refresh_from_db()
    assert stream.last_chat_seq == stream.chat_count == ChatMessage.objects.count() == ROUNDS


def test_slow_mode_accepts_one_of_many_messages_at_once() -> None:
    for _ in range(ROUNDS):
        stream, user = make_live_stream(slow_mode_seconds=30), make_user()
        at_once([partial(chat.post_message, actor=user, stream_id=stream.pk, message="Hi")] * 6)
        assert ChatMessage.objects.filter(stream=stream).count() == 1


def test_viewers_who_join_and_leave_at_once_are_counted_exactly() -> None:
    stream = make_live_stream()
    people = [make_user() for _ in range(20)]

    def join_and_leave(user: User, *, has_tablet: bool) -> None:
        for device in ("phone", "tablet"):
            viewers.join_stream(actor=user, stream_id=stream.pk, connection_id=f"{user.username}-{device}")
        viewers.leave_stream(stream_id=stream.pk, user_id=user.pk, connection_id=f"{user.username}-phone")
        if not has_tablet:
            viewers.leave_stream(
                stream_id=stream.pk, user_id=user.pk, connection_id=f"{user.username}-tablet"
            )

    at_once([partial(join_and_leave, user, has_tablet=number % 2 == 0) for number, user in enumerate(people)])
    assert room_sweeps.sweep_room(stream_id=stream.pk) == 10
    stream.refresh_from_db()
    assert stream.viewer_count == 10
    assert ViewerSession.objects.filter(left_at=None).count() == 10
    ended = streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert ended.unique_viewers == 20


def test_a_join_waits_for_a_locked_row_and_saves_the_newest_count() -> None:
    stream, viewer, slow = make_live_stream(), make_user(), make_user()
    locked, done = threading.Event(), threading.Event()

    def hold_the_row() -> None:
        with transaction.atomic():
            Stream.objects.select_for_update(no_key=True).get(pk=stream.pk)
            locked.set()
            # Counted while the other transaction waits for the row.
            live_counts.record_heartbeat(stream.pk, [live_counts.viewer_key(slow.pk, "c2")])
            done.wait(0.3)

    def join() -> None:
        locked.wait(10)
        viewers.join_stream(actor=viewer, stream_id=stream.pk, connection_id="c1")
        done.set()

    at_once([hold_the_row, join])
    stream.refresh_from_db()
    assert (stream.viewer_count, stream.peak_viewers) == (2, 2)


def test_no_reaction_is_lost_while_totals_are_saved() -> None:
    stream = make_live_stream()
    people = [make_user() for _ in range(10)]
    works: list[Callable[[], Any]] = [
        partial(times, 10, partial(reactions.send_reaction, actor=user, stream_id=stream.pk, emoji="❤️"))
        for user in people
    ]
    at_once([*works, *[partial(reactions.persist_reaction_totals, stream_id=stream.pk)] * 3])
    assert live_counts.reactions(stream.pk) == {"❤️": 100}
    assert streams.end_stream(actor=stream.seller, stream_id=stream.pk).total_likes == 100


def test_only_one_of_many_encoders_with_one_key_is_accepted(settings: Any) -> None:
    settings.MEDIA_CONTROL_URL = "http://127.0.0.1:9"
    for number in range(ROUNDS):
        key = f"sk_race{number}"
        stream = make_live_stream(key=key)
        answers = at_once(
            [partial(broadcasts.authorize_publisher, key=key, client_id=str(client)) for client in range(6)]
        )
        assert answers.count(stream.public_id) == 1
        assert len([answer for answer in answers if isinstance(answer, Conflict)]) == 5
        assert PublisherConnection.objects.filter(stream=stream).count() == 1


def test_ending_while_products_are_withdrawn_does_not_deadlock() -> None:
    for _ in range(ROUNDS):
        seller = make_seller()
        products = [make_product(seller=seller) for _ in range(4)]
        stream = make_live_stream(seller=seller, products=products)
        answers = at_once(
            [partial(streams.end_stream, actor=stream.seller, stream_id=stream.pk)]
            + [partial(delete_product, actor=seller, product_id=product.pk) for product in products]
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        stream.refresh_from_db()
        assert stream.status == "ended"


def test_a_sellers_streams_that_go_live_and_end_at_once_send_one_announcement() -> None:
    for _ in range(ROUNDS):
        seller = make_seller()
        follow(make_user(), seller)
        planned = [make_stream(seller=seller) for _ in range(4)]

        def go_live_and_end(stream: Stream) -> None:
            go_live(stream)
            streams.end_stream(actor=stream.seller, stream_id=stream.pk)

        at_once([partial(go_live_and_end, stream) for stream in planned])
        counts = Announcement.objects.filter(seller=seller).values_list("follower_count", flat=True)
        assert sorted(counts, reverse=True) == [1] + [0] * (len(counts) - 1)


def test_sellers_going_live_at_once_respect_what_one_neighbour_may_receive() -> None:
    sellers = [make_seller(location=DUBAI_MARINA) for _ in range(8)]
    neighbour = make_user(location=DUBAI_MARINA)
    planned = [make_stream(seller=seller, notify_neighborhood=True) for seller in sellers]
    answers = at_once([partial(go_live, stream) for stream in planned])
    assert not any(isinstance(answer, DomainError) for answer in answers)
    assert Announcement.objects.filter(recipient_ids__contains=[neighbour.pk]).count() == 5
