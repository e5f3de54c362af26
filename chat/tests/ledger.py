"""Clients that send during failures and record acknowledgements, to compare with what is stored."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from accounts.models import User
from accounts.tokens import access_token_for
from chat.models import Conversation
from soukloop.realtime.testing.clients import BareClient
from soukloop.realtime.testing.servers import ServerProcess

Pick = Callable[[], ServerProcess]


class Writer(threading.Thread):
    """Sends one message after the other; what isn't acknowledged is sent again, over a new connection.

    `ledger` maps each message's content to the acknowledgement it got; `attempts` counts what was sent.
    """

    PAUSE = 0.04  # stays below the limit of 120 messages a minute

    def __init__(self, user: User, conversation_id: Any, pick: Pick) -> None:
        super().__init__(daemon=True)
        self.token = str(access_token_for(user))
        self.name = user.username
        self.conversation_id = str(conversation_id)
        self.pick = pick
        self.ledger: dict[str, dict[str, Any]] = {}
        self.attempts = 0
        self.reconnections = 0
        self._is_stopping = threading.Event()
        self._client: BareClient | None = None

    def run(self) -> None:
        for number in itertools.count():
            if self._is_stopping.is_set():
                break
            content = f"{self.name}: {number}"
            self.ledger[content] = self._send_until_acknowledged(content)
            time.sleep(self.PAUSE)
        self._disconnect()

    def stop(self) -> None:
        """Wait until the current message is acknowledged, then stop."""
        self._is_stopping.set()
        self.join(60)
        assert not self.is_alive(), f"{self.name} is still waiting"

    def _send_until_acknowledged(self, content: str) -> dict[str, Any]:
        data = {
            "conversation_id": self.conversation_id,
            "content": content,
            "clientMessageId": content,
        }
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline:
            self.attempts += 1
            try:
                if self._client is None:
                    self._client = BareClient(self.pick(), self.token)
                    # As an app does; else each message to this person would be a notification as well.
                    self._client.call("conversation:join", {"conversation_id": self.conversation_id})
                ack = self._client.call("message:send", data)
            except (OSError, EOFError, WebSocketException, AssertionError):
                self._disconnect()
                time.sleep(0.05)
                continue
            if ack["success"]:
                return dict(ack["data"])
            assert ack["error"]["code"] == "unavailable", ack
            time.sleep(0.05)
        raise AssertionError(f"{content} was never acknowledged")

    def _disconnect(self) -> None:
        if self._client is not None:
            self.reconnections += 1
            self._client.close()
            self._client = None


class Listener:
    """Follows a conversation as a client should: by seq, joining again with `afterSeq` after each gap.

    With `may_repeat`, an event may come twice: those that were in the outbox when Redis was lost are
    published again, because nobody knows whether they arrived.
    """

    def __init__(self, user: User, conversation_id: Any, pick: Pick, *, may_repeat: bool = False) -> None:
        self.may_repeat = may_repeat
        self.token = str(access_token_for(user))
        self.conversation_id = str(conversation_id)
        self.pick = pick
        self.messages: dict[int, str] = {}
        self.repeated: list[int] = []
        self._clients: list[BareClient] = []

    def connect(self) -> None:
        """Connect (again) and catch up with what came after the last message without a gap before it."""
        client = BareClient(self.pick(), self.token)
        self._clients.append(client)
        self.catch_up()

    def catch_up(self) -> None:
        client = self._clients[-1]
        after = next(seq for seq in itertools.count() if seq + 1 not in self.all_messages())
        client.call("conversation:join", {"conversation_id": self.conversation_id, "afterSeq": after})
        joined = client.named("conversation:joined")[-1]
        assert not joined["resync"]
        self.messages.update({message["seq"]: message["content"] for message in joined["messages"]})

    def all_messages(self) -> dict[int, str]:
        """Return what was received and caught up with; no connection may have received one twice."""
        for client in self._clients:
            received = [message["seq"] for message in client.named("message:new")]
            assert self.may_repeat or len(received) == len(set(received)), "a message was received twice"
            self.messages.update(
                {message["seq"]: message["content"] for message in client.named("message:new")}
            )
        return self.messages

    def close(self) -> None:
        for client in self._clients:
            client.close()


def readable(server: ServerProcess, user: User, conversation_id: Any) -> list[dict[str, Any]]:
    """Return all that a fresh client reads of a conversation over REST."""
    messages: list[dict[str, Any]] = []
    with httpx.Client(headers={"Authorization": f"Bearer {access_token_for(user)}"}) as client:
        url = f"{server.url}/api/v1/conversations/{conversation_id}/messages"
        while True:
            after = messages[-1]["seq"] if messages else 0
            page = client.get(url, params={"after_seq": after, "limit": 100}).json()["data"]
            messages += page["items"]
            if not page["has_more"]:
                return messages


def assert_ledger_holds(writers: list[Writer], messages: list[dict[str, Any]]) -> None:
    """Check that what was acknowledged is there, once, as it was acknowledged, and that no seq is missing."""
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    acknowledged = {content: ack for writer in writers for content, ack in writer.ledger.items()}
    by_content = {message["content"]: message for message in messages}
    assert len(by_content) == len(messages), "a message is there twice"
    assert set(by_content) == set(acknowledged)
    for content, ack in acknowledged.items():
        message = by_content[content]
        assert (message["id"], message["seq"]) == (ack["messageId"], ack["seq"])


def assert_counts_are_right(conversation: Conversation) -> None:
    """Check a conversation's counters against its messages."""
    conversation.refresh_from_db()
    messages = conversation.messages.all()
    assert conversation.last_seq == messages.count()
    for person_id, read_seq, unread in (
        (conversation.buyer_id, conversation.buyer_read_seq, conversation.unread_count_buyer),
        (conversation.seller_id, conversation.seller_read_seq, conversation.unread_count_seller),
    ):
        unread_now = messages.filter(seq__gt=read_seq, deleted_at=None)
        assert unread == unread_now.exclude(sender_id=person_id).count()
