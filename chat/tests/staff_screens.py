"""The admin screens of chat, each with a factory of its rows."""

from chat.models import Conversation, Message
from chat.tests.factories import make_conversation, make_message

SCREENS = {Conversation: make_conversation, Message: lambda: make_message(make_conversation())}
