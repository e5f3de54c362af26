"""Consumers of WebSockets with JSON frames; they have the same events and commands as Socket.IO."""

import logging
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from soukloop.core import jsonlib
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import BadRequest, DomainError, NotFound, PayloadTooLarge
from soukloop.core.http.envelope import error_body
from soukloop.core.http.languages import DEFAULT_LANGUAGE
from soukloop.realtime import lifecycle
from soukloop.realtime.dispatch import dispatch, error_for, execute
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.frames import WireFormat
from soukloop.realtime.handshake import check_origin, handshake_language, identify, query_value
from soukloop.realtime.members import AsgiSink, Member, Sink, close_reason
from soukloop.realtime.uvicorn_protocol import EXTENSION

logger = logging.getLogger("soukloop.socket")

Message = dict[str, Any]


class SocketConsumer(AsyncConsumer):
    """The connection at `/ws/`, for all commands and events."""

    member: Member | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Replaces Channels' loop, which creates two tasks per frame to await the channel layer.
        self.scope, self.base_send = scope, send
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            return
        finally:
            if self.member is not None:
                await lifecycle.disconnect(self.member)

    async def dispatch(self, message: Message) -> None:
        # Replaces Channels' dispatch, which switches threads for each frame to close database connections.
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive" if self.member is not None and not self.member.is_closed:
                await self.receive(self.member, message)
            case "websocket.disconnect":
                raise StopConsumer

    async def connect(self) -> None:
        """Accept, then authenticate: before acceptance, a browser would not show the reason of a refusal."""
        await self.send({"type": "websocket.accept"})
        headers = dict(self.scope["headers"])
        try:
            check_origin(headers)
            await lifecycle.start()
            visitor = await identify(self.scope, language=handshake_language(self.scope))
            self.member = await lifecycle.connect(visitor, self.sink())
        except DomainError as error:
            await self.refuse(error)
            return
        lifecycle.welcome(self.member)
        await self.on_connected(self.member)

    async def on_connected(self, member: Member) -> None:
        """Do nothing; for subclasses."""

    def sink(self) -> Sink:
        transport_sink: Sink | None = self.scope.get("extensions", {}).get(EXTENSION)
        return transport_sink or AsgiSink(self.send, WireFormat.WEBSOCKET)

    async def refuse(self, error: DomainError) -> None:
        """Send the reason in an `error` event and in the close frame; some clients show only one of them."""
        logger.info("connection refused: %s", error.code)
        with translation.override(handshake_language(self.scope) or DEFAULT_LANGUAGE):
            data = error_body(error)["error"]
        await self.send({"type": "websocket.send", "text": _encode_event("error", data).decode()})
        reason = close_reason(data["message"])
        await self.send({"type": "websocket.close", "code": lifecycle.close_code(error), "reason": reason})

    async def receive(self, member: Member, message: Message) -> None:
        """Run a frame's command. Acknowledge it if the frame has an id; otherwise send only errors."""
        try:
            event, data, frame_id = self.parse(message)
        except DomainError as error:
            self.reject_frame(member, error)
            return
        ack = await dispatch(member, event, data)
        if frame_id is not None:
            member.reply(jsonlib.dumps({"event": "ack", "id": frame_id, **ack}))
        elif not ack["success"]:
            member.emit("error", {"event": event, **ack["error"]})

    def parse(self, message: Message) -> tuple[str, Any, str | int | None]:
        text = message.get("text")
        if text is None:
            raise BadRequest(_("Frames must be text."), code=RealtimeErrorCode.BAD_FRAME)
        if len(text) > settings.SOCKET_FRAME_MAX_BYTES:
            raise PayloadTooLarge(_("The frame is too large."))
        try:
            frame = jsonlib.loads(text)
        except ValueError as error:
            raise BadRequest(
                _("The frame is not valid JSON: %(problem)s."),
                code=CoreErrorCode.MALFORMED_JSON,
                params={"problem": error},
            ) from error
        if not isinstance(frame, dict) or not isinstance(frame.get("event"), str):
            raise BadRequest(
                _('A frame must be {"event": "…", "data": {…}}.'), code=RealtimeErrorCode.BAD_FRAME
            )
        frame_id = frame.get("id")
        if isinstance(frame_id, bool) or not isinstance(frame_id, (str, int, type(None))):
            raise BadRequest(
                _("A frame's id must be a number or a string."), code=RealtimeErrorCode.BAD_FRAME
            )
        return frame["event"], frame.get("data"), frame_id

    def reject_frame(self, member: Member, error: DomainError) -> None:
        member.bad_frames += 1
        logger.info("bad frame: %s", error.code)
        data = error_for(member, error)["error"]
        member.emit("error", data)
        if isinstance(error, PayloadTooLarge) or member.bad_frames >= lifecycle.BAD_FRAMES_MAX:
            member.close(lifecycle.close_code(error), data["message"])


class RoomConsumer(SocketConsumer):
    """A connection whose path names a row: joins the row's room, or is closed with the reason."""

    command = ""
    field = ""

    async def on_connected(self, member: Member) -> None:
        data = {self.field: str(self.scope["url_route"]["kwargs"]["id"])}
        after = query_value(self.scope["query_string"], "afterSeq")
        if after is not None:
            data["afterSeq"] = after
        try:
            await execute(member, self.command, data)
        except DomainError as error:
            data = error_for(member, error)["error"]
            member.emit("error", {"event": self.command, **data})
            member.close(lifecycle.close_code(error), data["message"])


class UnknownPathConsumer(SocketConsumer):
    """Refuses connections to any other path."""

    async def connect(self) -> None:
        await self.send({"type": "websocket.accept"})
        await self.refuse(NotFound(_("WebSocket path not found."), code=CoreErrorCode.UNKNOWN_URL))


def _encode_event(name: str, data: Message) -> bytes:
    return jsonlib.dumps({"event": name, "data": data})
