"""What a viewer's screen of a live stream shows: rights, the product shown last, marks on lines, the end."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import client_for, make_staff, make_user
from listings.tests.factories import make_product
from livestream import live_counts
from livestream.models import Stream
from livestream.selectors.chat import chat_history
from livestream.services import chat, products, streams
from livestream.tests.factories import make_live_stream, post_chat_message
from soukloop.core import jsonlib
from soukloop.realtime.rooms import user_room

pytestmark = pytest.mark.django_db


def page(client: APIClient, stream: Stream) -> dict[str, Any]:
    response = client.get(f"/api/v1/streams/{stream.pk}")
    assert response.status_code == 200, response.json()
    body: dict[str, Any] = response.json()["data"]
    return body


def test_a_stream_says_what_its_viewer_may_do_in_the_chat() -> None:
    stream, moderator, muted = make_live_stream(), make_user(), make_user()
    chat.add_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    chat.mute_viewer(actor=stream.seller, stream_id=stream.pk, user_id=muted.pk)
    for viewer, is_moderator, is_muted in (
        (stream.seller, True, False),
        (moderator, True, False),
        (muted, False, True),
        (make_user(), False, False),
        (make_staff(), True, False),
    ):
        assert page(client_for(viewer), stream)["me"] == {"isModerator": is_moderator, "isMuted": is_muted}
    assert page(APIClient(), stream)["me"] is None


def test_a_new_moderator_is_told_and_so_is_one_who_is_no_longer_one(
    captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    stream, viewer = make_live_stream(), make_user()
    with django_capture_on_commit_callbacks(execute=True):
        for change in (chat.add_moderator, chat.add_moderator, chat.remove_moderator, chat.remove_moderator):
            change(actor=stream.seller, stream_id=stream.pk, user_id=viewer.pk)
    told = [(room, data["isModerator"]) for room, event, data in captured_events if event == "chat:moderator"]
    assert told == [(user_room(viewer.pk), True), (user_room(viewer.pk), False)]


def test_the_featured_product_is_the_one_that_was_tagged_last() -> None:
    first, second = make_product(), make_product()
    stream = make_live_stream(seller=first.seller, products=[first, second])
    assert page(APIClient(), stream)["featured"] is None
    for seconds, product in ((10, first), (20, second), (30, first)):
        products.tag_product(
            actor=stream.seller,
            stream_id=stream.pk,
            product_id=product.pk,
            x=0.5,
            y=0.5,
            timestamp_seconds=seconds,
        )
    assert page(APIClient(), stream)["featured"]["productId"] == str(first.pk)
    products.remove_product(actor=stream.seller, stream_id=stream.pk, product_id=first.pk)
    assert page(APIClient(), stream)["featured"]["productId"] == str(second.pk)


def test_a_stream_has_the_emoji_that_may_be_sent_and_says_why_it_ended(settings: Any) -> None:
    stream = make_live_stream()
    live = page(APIClient(), stream)
    assert (live["allowedEmoji"], live["endReason"]) == (settings.STREAM_REACTIONS, None)
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert page(APIClient(), stream)["endReason"] == "owner"


def test_lines_of_the_host_and_of_moderators_are_marked_wherever_they_are_read() -> None:
    stream, moderator, viewer = make_live_stream(), make_user(), make_user()
    chat.add_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    for author in (stream.seller, moderator, viewer):
        post_chat_message(stream, author)
    # What somebody wrote as a moderator stays marked.
    chat.remove_moderator(actor=stream.seller, stream_id=stream.pk, user_id=moderator.pk)
    expected = [(True, False), (False, True), (False, False)]
    listed = client_for(viewer).get(f"/api/v1/streams/{stream.pk}/chat").json()["data"]["items"]
    assert [(line["isHost"], line["isModerator"]) for line in listed] == expected
    stream.refresh_from_db()
    for after_seq in (None, 0):
        history = jsonlib.loads(jsonlib.dumps(chat_history(stream, after_seq=after_seq).messages))
        assert [(line["isHost"], line["isModerator"]) for line in history] == expected


def test_lines_that_an_earlier_version_cached_are_read_again_with_their_marks() -> None:
    stream = make_live_stream()
    post_chat_message(stream, stream.seller)
    stream.refresh_from_db()
    live_counts.replace_chat(stream.pk, [b'{"seq":1,"message":"Hi"}'])
    [line] = chat_history(stream, after_seq=None).messages
    assert jsonlib.loads(jsonlib.dumps(line))["isHost"] is True


@pytest.mark.parametrize("products_count", [1, 6])
def test_a_stream_takes_the_same_number_of_queries_however_many_products_it_has(
    django_assert_num_queries: Any, products_count: int, viewer: User
) -> None:
    seller = make_product().seller
    shown = [make_product(seller=seller) for _ in range(products_count)]
    stream = make_live_stream(seller=seller, products=shown)
    client = client_for(viewer)
    with django_assert_num_queries(5):  # the caller, access, the card, products, rights
        page(client, stream)
    with django_assert_num_queries(3):
        page(APIClient(), stream)
