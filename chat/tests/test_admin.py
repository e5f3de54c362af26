"""The admin's screens of conversations and messages: search, hiding, permissions."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.tests.factories import make_staff, make_user
from chat.models import Message
from chat.tests.factories import make_conversation, make_message

pytestmark = pytest.mark.django_db

MESSAGES = "/admin/chat/message/"


@pytest.fixture
def browser() -> Client:
    browser = Client()
    browser.force_login(make_staff())
    return browser


def shown(browser: Client, query: str) -> str:
    response = browser.get(f"{MESSAGES}?{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_messages_are_found_by_words_sender_and_id(browser: Client) -> None:
    conversation = make_conversation()
    message = make_message(conversation, content="Meet me outside the Marina Mall")
    make_message(conversation, conversation.seller, content="Another matter")
    for query in (
        "q=marina+mall",
        f"q=@{conversation.buyer.username}",
        f"q={message.pk}",
    ):
        page = shown(browser, query)
        assert "Meet me outside" in page
        assert "Another matter" not in page
    for query in (f"q={conversation.pk}", f"conversation={conversation.pk}"):
        page = shown(browser, query)
        assert "Meet me outside" in page
        assert "Another matter" in page
    assert "Meet me" not in shown(browser, "visibility=hidden")
    assert "Meet me" in shown(browser, "visibility=shown&message_type__exact=text")


def test_a_conversation_is_found_by_either_side_and_leads_to_its_messages(browser: Client) -> None:
    conversation = make_conversation()
    make_message(conversation)
    page = browser.get(f"/admin/chat/conversation/?q={conversation.seller.username}").content.decode()
    assert str(conversation.pk) in page
    row = browser.get(f"/admin/chat/conversation/{conversation.pk}/change/").content.decode()
    assert f"?conversation={conversation.pk}" in row


def test_hiding_a_message_asks_for_a_reason_and_is_in_the_history(browser: Client) -> None:
    message = make_message(make_conversation(), content="rude")
    data = {"action": "hide", "_selected_action": [str(message.pk)]}
    assert "reason" in browser.post(MESSAGES, data).content.decode()
    message.refresh_from_db()
    assert message.hidden_at is None
    browser.post(MESSAGES, data | {"confirmed": "1", "reason": "Abuse"}, follow=True)
    message.refresh_from_db()
    assert (message.shown_content, message.hidden_reason) == ("", "Abuse")
    assert "Hidden: Abuse" in LogEntry.objects.get(object_id=str(message.pk)).change_message


def test_staff_cannot_edit_add_or_delete_messages(browser: Client) -> None:
    message = make_message(make_conversation())
    for url in (f"{MESSAGES}add/", f"{MESSAGES}{message.pk}/delete/", "/admin/chat/conversation/add/"):
        assert browser.get(url).status_code == 403
    browser.post(f"{MESSAGES}{message.pk}/change/", {"content": "changed"})
    assert Message.objects.get().content == "Hello"


def test_people_who_are_not_staff_are_redirected_to_the_login() -> None:
    browser = Client()
    browser.force_login(make_user())
    assert browser.get(MESSAGES).status_code == 302
