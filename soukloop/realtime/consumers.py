"""Bare WebSockets: JSON frames in, JSON frames out, the same events and commands as Socket.IO."""

import logging
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings

from soukloop.core import jsonlib
from soukloop.core.errors import BadRequest, DomainError, NotFound, PayloadTooLarge
from soukloop.realtime import lifecycle
from soukloop.realtime.dispatch import dispatch, perform, refusal
from soukloop.realtime.frames import Wire
from soukloop.realtime.members import AsgiSink, Member, Sink
from soukloop.realtime.rawsink import EXTENSION

logger = logging.getLogger("soukloop.socket")

Message = dict[str, Any]


class SocketConsumer(AsyncConsumer):
    """`/ws/`: everything over one connection."""

    member: Member | None = None
    bad_frames = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Channels' own loop makes two tasks of each frame, to listen to a channel layer; the hub does that.
        self.scope, self.base_send = scope, send
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            return
        finally:
            if self.member is not None:
                await lifecycle.closed(self.member)

    async def dispatch(self, message: Message) -> None:
        # Channels' own visits a thread at each frame, for database connections that aren't there.
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive" if self.member is not None and not self.member.is_gone:
                await self.receive(self.member, message)
            case "websocket.disconnect":
                raise StopConsumer

    async def connect(self) -> None:
        """Accept, then admit or refuse: before it has accepted, a server can't give a browser any reason."""
        await self.send({"type": "websocket.accept"})
        headers = dict(self.scope["headers"])
        try:
            lifecycle.check_origin(headers)
            await lifecycle.start()
            user = await lifecycle.identify(headers, self.scope["query_string"])
            self.member = await lifecycle.opened(user, self.sink())
        except DomainError as error:
            await self.refuse(error)
            return
        lifecycle.greet(self.member)
        await self.enter(self.member)

    async def enter(self, member: Member) -> None:
        """Do what the path asks for; nothing here."""

    def sink(self) -> Sink:
        raw: Sink | None = self.scope.get("extensions", {}).get(EXTENSION)
        return raw or AsgiSink(self.send, Wire.WEBSOCKET)

    async def refuse(self, error: DomainError) -> None:
        """Say why in an `error` event, and again in the close frame; some clients show only one of them."""
        logger.info("a socket is refused: %s", error.code)
        data = refusal(error)["error"]
        await self.send({"type": "websocket.send", "text": _event("error", data).decode()})
        await self.send(
            {"type": "websocket.close", "code": lifecycle.close_code(error), "reason": error.message[:120]}
        )

    async def receive(self, member: Member, message: Message) -> None:
        """Answer one frame: with an acknowledgement if it has an id, otherwise only if it is refused."""
        try:
            event, data, frame_id = self.parse(message)
        except DomainError as error:
            self.complain(member, error)
            return
        ack = await dispatch(member, event, data)
        if frame_id is not None:
            member.reply(jsonlib.dumps({"event": "ack", "id": frame_id, **ack}))
        elif not ack["success"]:
            member.emit("error", {"event": event, **ack["error"]})

    def parse(self, message: Message) -> tuple[str, Any, str | int | None]:
        text = message.get("text")
        if text is None:
            raise BadRequest("Send text frames.", code="bad_frame")
        if len(text) > settings.SOCKET_FRAME_MAX_BYTES:
            raise PayloadTooLarge("The frame is too large.")
        try:
            frame = jsonlib.loads(text)
        except ValueError as error:
            raise BadRequest(f"The frame isn't valid JSON: {error}.", code="malformed_json") from error
        if not isinstance(frame, dict) or not isinstance(frame.get("event"), str):
            raise BadRequest('A frame is {"event": "…", "data": {…}}.', code="bad_frame")
        frame_id = frame.get("id")
        if isinstance(frame_id, bool) or not isinstance(frame_id, (str, int, type(None))):
            raise BadRequest("An id is a number or a string.", code="bad_frame")
        return frame["event"], frame.get("data"), frame_id

    def complain(self, member: Member, error: DomainError) -> None:
        self.bad_frames += 1
        logger.info("a bad frame: %s", error.code)
        member.emit("error", refusal(error)["error"])
        if isinstance(error, PayloadTooLarge) or self.bad_frames >= lifecycle.BAD_FRAMES_MAX:
            member.close(lifecycle.close_code(error), error.message[:120])


class RoomConsumer(SocketConsumer):
    """A connection that joins one room at once; closed with the reason if it may not."""

    command = ""
    field = ""

    async def enter(self, member: Member) -> None:
        data = {self.field: str(self.scope["url_route"]["kwargs"]["id"])}
        after = lifecycle.query_value(self.scope["query_string"], "afterSeq")
        if after is not None:
            data["afterSeq"] = after
        try:
            await perform(member, self.command, data)
        except DomainError as error:
            member.emit("error", {"event": self.command, **refusal(error)["error"]})
            member.close(lifecycle.close_code(error), error.message[:120])


class ConversationConsumer(RoomConsumer):
    """`/ws/conversations/<id>/`."""

    command = "conversation:join"
    field = "conversation_id"


class StreamConsumer(RoomConsumer):
    """`/ws/streams/<id>/`."""

    command = "stream:join"
    field = "stream_id"


class NowhereConsumer(SocketConsumer):
    """Any other path."""

    async def connect(self) -> None:
        await self.send({"type": "websocket.accept"})
        await self.refuse(NotFound("There is no such socket.", code="unknown_url"))


def _event(name: str, data: Message) -> bytes:
    return jsonlib.dumps({"event": name, "data": data})
