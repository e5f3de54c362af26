"""The admin screens of livestream, each with a factory of its rows."""

from django.utils import timezone

from accounts.tests.factories import make_user
from livestream.models import ChatMessage, Stream
from livestream.tests.factories import make_live_stream


def make_chat_message() -> ChatMessage:
    return ChatMessage.objects.create(
        stream=make_live_stream(), seq=1, user=make_user(), message="Salaam!", created_at=timezone.now()
    )


SCREENS = {Stream: make_live_stream, ChatMessage: make_chat_message}
