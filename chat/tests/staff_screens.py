"""The admin's screens of chat, and what makes a row for each."""

from chat.models import Conversation, Message
from chat.tests.factories import make_conversation, make_message

SCREENS = {Conversation: make_conversation, Message: lambda: make_message(make_conversation())}
