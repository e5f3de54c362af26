"""Admin screens of streams and chat messages."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tests.factories import make_seller, make_staff, make_user
from listings.tests.factories import make_product
from livestream.models import ChatMessage, ReactionTotal, Stream, StreamMute
from livestream.services import chat
from livestream.tests.factories import make_live_stream, make_publisher, make_stream

pytestmark = pytest.mark.django_db

STREAMS = "/admin/livestream/stream/"
MESSAGES = "/admin/livestream/chatmessage/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_staff(username="moderator"))
    return client


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def act(staff: Client, url: str, action: str, row: Any, reason: str) -> str:
    form = {"action": action, "_selected_action": [str(row.pk)], "confirmed": "yes", "reason": reason}
    return text(staff.post(url, form, follow=True))


def test_staff_search_and_filter_streams(staff: Client) -> None:
    make_live_stream(title="Saffron live", seller=make_seller(username="layla"))
    make_stream(title="Carpets tomorrow")
    assert "Carpets tomorrow" in text(staff.get(STREAMS))
    for query in ({"q": "saffron"}, {"q": "layla"}, {"status__exact": "live"}):
        page = text(staff.get(STREAMS, query))
        assert "Saffron live" in page
        assert "Carpets tomorrow" not in page


def test_the_page_of_a_stream_shows_its_data_but_not_its_key(staff: Client) -> None:
    seller = make_seller()
    stream = make_live_stream(seller=seller, products=[make_product(seller=seller, title="Air Jordan")])
    make_publisher(stream)
    ReactionTotal.objects.create(stream=stream, emoji="🔥", count=3)
    page = text(staff.get(f"{STREAMS}{stream.pk}/change/"))
    for text_shown in (
        "Air Jordan",
        "🔥 3",
        "connected",
        f"{stream.public_id}/index.m3u8",
        "waiting for the recording",
    ):
        assert text_shown in page
    assert str(stream.key_digest) not in page


def test_ending_a_stream_requires_a_reason_and_saves_it(staff: Client) -> None:
    stream = make_live_stream()
    form = {"action": "end_now", "_selected_action": [str(stream.pk)]}
    assert "End now" in text(staff.get(f"{STREAMS}{stream.pk}/change/"))
    assert "reason" in text(staff.post(STREAMS, form))
    assert act(staff, STREAMS, "end_now", stream, "Counterfeits").count("is ended") == 1
    stream.refresh_from_db()
    assert (stream.status, stream.end_reason, stream.end_note) == ("ended", "staff", "Counterfeits")
    assert "Ended: Counterfeits" in text(staff.get(f"{STREAMS}{stream.pk}/history/"))
    assert "End now" not in text(staff.get(f"{STREAMS}{stream.pk}/change/"))
    assert "This stream has ended." in act(staff, STREAMS, "end_now", stream, "Again")


def test_staff_delete_messages_and_mute_their_authors_with_a_reason(staff: Client) -> None:
    stream, viewer = make_live_stream(), make_user()
    chat.post_message(actor=viewer, stream_id=stream.pk, message="Buy my pills")
    message = ChatMessage.objects.get()
    assert "Buy my pills" in text(staff.get(MESSAGES, {"stream__id__exact": str(stream.pk)}))
    act(staff, MESSAGES, "delete_now", message, "Spam")
    act(staff, MESSAGES, "mute_author", message, "Spam")
    message.refresh_from_db()
    stream.refresh_from_db()
    assert message.deleted_at is not None
    assert stream.chat_count == 0
    assert StreamMute.objects.get().user == viewer


def test_staff_can_delete_messages_of_ended_streams(staff: Client) -> None:
    stream = make_live_stream()
    chat.post_message(actor=make_user(), stream_id=stream.pk, message="Late find")
    Stream.objects.update(status="ended", ended_at=timezone.now())
    act(staff, MESSAGES, "delete_now", ChatMessage.objects.get(), "Spam")
    assert ChatMessage.objects.get().deleted_at is not None


def test_staff_cannot_add_change_or_delete_rows(staff: Client) -> None:
    stream = make_live_stream()
    assert staff.get(f"{STREAMS}add/").status_code == 403
    assert staff.post(f"{STREAMS}{stream.pk}/change/", {"title": "Mine"}).status_code == 403
    assert staff.post(f"{STREAMS}{stream.pk}/delete/").status_code == 403


def test_the_list_takes_a_constant_number_of_queries(
    staff: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        make_live_stream()
    with django_assert_max_num_queries(12):
        staff.get(STREAMS)
