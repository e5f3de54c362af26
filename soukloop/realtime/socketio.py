"""Socket.IO at `/socket.io/`: python-socketio handles connections, `dispatch` runs the commands."""

import asyncio
import logging
import re
from typing import Any, NamedTuple, cast

import socketio
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_lazy as _
from engineio.payload import Payload

from soukloop.core import jsonlib
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import BadRequest, DomainError
from soukloop.core.http.body_limit import Asgi, BodyLimit, read_body, with_length
from soukloop.core.http.envelope import error_body
from soukloop.core.http.languages import DEFAULT_LANGUAGE, error_in_language
from soukloop.core.http.origins import is_trusted_origin
from soukloop.realtime import lifecycle
from soukloop.realtime.dispatch import dispatch, error_for
from soukloop.realtime.engine import (
    BINARY_PACKET,
    POLLING_PACKET_TYPES,
    EngineSink,
    EngineWebSocket,
    PacketQueue,
)
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.handshake import check_origin, handshake_language, identify, query_value
from soukloop.realtime.members import FLOODING, Member

logger = logging.getLogger("soukloop.socket")

PATH = "/socket.io/"
ROOT = "/"
PACKETS_PER_POST = 256
LOGIN_TIMEOUT = 20.0  # seconds from the transport's handshake to Socket.IO's
_WEBSOCKET = "soukloop.websocket"  # key in the ASGI scope
_SESSION = "soukloop.session"  # key in Engine.IO's environ

# Socket.IO's packets (protocol 5): type, namespace, acknowledgement id, JSON.
_PACKET = re.compile(r"([0-6])(/[^,]*)?,?([0-9]{1,15})?(.*)", re.DOTALL)
_EVENT_WITH_ID = re.compile(r"(?:2|5[0-9]{1,15}-)([0-9]{1,15})\[")
CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = range(5)

Payload.max_decode_packets = PACKETS_PER_POST


class Packet(NamedTuple):
    """A packet that a client sent."""

    type: int
    namespace: str
    id: str | None
    data: str


class Json:
    """The JSON module that python-socketio uses."""

    @staticmethod
    def dumps(value: Any, **options: Any) -> str:
        return jsonlib.dumps(value).decode()

    @staticmethod
    def loads(raw: str) -> Any:
        return jsonlib.loads(raw)


class SocketIoServer:
    """Runs Engine.IO and python-socketio; events go to `dispatch` instead of python-socketio."""

    def __init__(self) -> None:
        self._sinks: dict[str, EngineSink] = {}  # by Engine.IO's session id
        self._logged_in: dict[str, EngineSink] = {}  # by Socket.IO's id
        self._server = socketio.AsyncServer(
            async_mode="asgi",
            json=Json,
            async_handlers=False,  # one packet of a client at a time, in order
            namespaces=[ROOT],
            cors_allowed_origins=_is_trusted,
            max_http_buffer_size=settings.SOCKET_FRAME_MAX_BYTES,
            http_compression=False,
        )
        self._server.on("connect", self._log_in)
        self._server.on("disconnect", self._log_out)
        self._engine = self._server.eio
        self._engine.create_queue = PacketQueue
        self._library_handlers = dict(self._engine.handlers)
        self._engine.on("connect", self._engine_connected)
        self._engine.on("message", self._engine_message)
        self._engine.on("disconnect", self._engine_disconnected)

    def sink(self, session_id: str | None) -> EngineSink | None:
        return self._sinks.get(session_id or "")

    def end_without_logins(self) -> None:
        """End the sessions that have not logged in; called when the server stops."""
        for sink in list(self._sinks.values()):
            self._end_without_login(sink)

    async def handle_request(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await self._server.handle_request(scope, receive, send)

    async def _engine_connected(self, session_id: str, environ: dict[str, Any]) -> None:
        environ[_SESSION] = session_id
        sink = self._sinks[session_id] = EngineSink(self._engine.sockets[session_id])
        await self._library_handlers["connect"](session_id, environ)
        websocket: EngineWebSocket | None = environ["asgi.scope"].get(_WEBSOCKET)
        if websocket is not None:
            websocket.attach(sink, is_upgrade=False)
        asyncio.get_running_loop().call_later(LOGIN_TIMEOUT, self._end_without_login, sink)

    def _end_without_login(self, sink: EngineSink) -> None:
        if sink.member is None and not sink.is_closed:
            self._engine.start_background_task(sink.end)

    async def _engine_disconnected(self, session_id: str, reason: str) -> None:
        await self._library_handlers["disconnect"](session_id, reason)
        sink = self._sinks.pop(session_id, None)
        if sink is not None:
            # Once Engine.IO has closed the session, which it does when this function has returned.
            asyncio.get_running_loop().call_soon(sink.release)

    async def _engine_message(self, session_id: str, text: Any) -> None:
        sink = self._sinks.get(session_id)
        if sink is None:
            return
        try:
            await self._handle_packet(session_id, sink, text)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            logger.info("bad Socket.IO packet: %s", error)
            if sink.member is None:
                await sink.end()
            else:
                _reject(sink.member, text, error)

    async def _handle_packet(self, session_id: str, sink: EngineSink, text: Any) -> None:
        packet = _parse(text)
        if packet.type == CONNECT and packet.namespace != ROOT:
            error = {
                "message": "Unknown namespace.",
                "data": {"code": CoreErrorCode.UNKNOWN_URL, "details": {}},
            }
            await self._engine.send(session_id, f"4{packet.namespace},{Json.dumps(error)}")
        elif packet.namespace != ROOT:
            raise ValueError("unknown namespace")
        elif packet.type == EVENT:
            await _run_command(sink, packet)
        elif packet.type == CONNECT and sink.member is not None:
            raise ValueError("already connected")
        elif packet.type in (CONNECT, DISCONNECT):
            await self._library_handlers["message"](session_id, text)
            if sink.member is not None and not sink.is_open:
                self._server.environ[session_id] = {}  # frees the headers, 3 KiB per client
                sink.open()
                lifecycle.welcome(sink.member)
        elif packet.type != ACK:
            # No command is binary, so a packet with attachments would only take up memory.
            raise ValueError("clients cannot send this type of packet")

    async def _log_in(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        scope = environ["asgi.scope"]
        auth = auth if isinstance(auth, dict) else {}
        language = handshake_language(scope, auth)
        try:
            visitor = await identify(
                scope, token=auth.get("token"), ticket=auth.get("ticket"), language=language
            )
            sink = self._sinks[environ[_SESSION]]
            await lifecycle.connect(visitor, sink)
            self._logged_in[sid] = sink
        except DomainError as error:
            logger.info("connection refused: %s", error.code)
            with translation.override(language or DEFAULT_LANGUAGE):
                data = error_body(error)["error"]
            raise socketio.exceptions.ConnectionRefusedError(data.pop("message"), data) from error

    async def _log_out(self, sid: str, reason: str) -> None:
        sink = self._logged_in.pop(sid, None)
        if sink is not None and sink.member is not None:
            member, sink.member, sink.is_open = sink.member, None, False
            await lifecycle.disconnect(member)


class SocketIoApp:
    """The ASGI application at `/socket.io/`."""

    def __init__(self, server: SocketIoServer) -> None:
        self._server = server
        self._limited = BodyLimit(cast(Asgi, server.handle_request))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            check_origin(dict(scope["headers"]))  # Engine.IO's own refusal is a bare string with status 400
        except DomainError as error:
            logger.info("connection refused: %s", error.code)
            await _send_error(send, error, scope)
            return
        await lifecycle.start()
        sink = self._server.sink(query_value(scope["query_string"], "sid"))
        if scope["type"] == "websocket":
            websocket = EngineWebSocket(scope, receive, send)
            if sink is not None:
                websocket.attach(sink, is_upgrade=True)
            scope[_WEBSOCKET] = websocket
            await self._server.handle_request(scope, websocket.receive, websocket.send)
            return
        if scope["method"] == "POST":
            try:
                body = await _read_body(receive)
                if sink is not None and not sink.budget.take(len(body), frames=body.count(b"\x1e") + 1):
                    raise BadRequest(gettext_lazy(FLOODING), code=RealtimeErrorCode.FLOODING)
                is_logged_in = sink is not None and sink.member is not None
                body = _check_packets(body, is_logged_in=is_logged_in)
            except DomainError as error:
                logger.info("bad polling request: %s", error.code)
                if sink is not None:
                    await sink.end()
                await _send_error(send, error, scope)
                return
            scope, receive = dict(with_length(scope, len(body))), _replay_body(body)
        await self._limited(scope, receive, send)
        if sink is not None:
            sink.poll_finished()


def _is_trusted(origin: str | None, environ: dict[str, Any]) -> bool:
    return is_trusted_origin(origin or "", environ.get("HTTP_HOST", ""))


def _parse(text: Any) -> Packet:
    if text == BINARY_PACKET[1:]:
        raise ValueError("no event takes binary data")
    found = _PACKET.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("not a Socket.IO packet")
    namespace = (found[2] or ROOT).partition("?")[0]
    return Packet(int(found[1]), namespace, found[3], found[4])


async def _run_command(sink: EngineSink, packet: Packet) -> None:
    member = sink.member
    data = jsonlib.loads(packet.data)
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        raise ValueError("an event without a name")
    if member is None:
        raise ValueError("an event before the handshake")
    ack = await dispatch(member, data[0], data[1] if len(data) > 1 else None)
    if packet.id is not None:
        member.reply(_ack(packet.id, ack))
    elif not ack["success"]:
        member.emit("error", {"event": data[0], **ack["error"]})


def _reject(member: Member, text: Any, cause: Exception) -> None:
    """Respond to an invalid packet: with an acknowledgement if it has an id, otherwise with `error`."""
    error = BadRequest(
        _("Invalid packet: %(problem)s."), code=RealtimeErrorCode.BAD_FRAME, params={"problem": cause}
    )
    data = error_for(member, error)["error"]
    with_id = _EVENT_WITH_ID.match(text) if isinstance(text, str) else None
    if with_id is not None:
        member.reply(_ack(with_id[1], {"success": False, "error": data}))
    else:
        member.emit("error", data)
    member.bad_frames += 1
    if member.bad_frames >= lifecycle.BAD_FRAMES_MAX:
        member.close(lifecycle.close_code(error), data["message"])


def _ack(packet_id: str, ack: dict[str, Any]) -> bytes:
    return b"43" + packet_id.encode() + b"[" + jsonlib.dumps(ack) + b"]"


async def _read_body(receive: Any) -> bytes:
    received = await read_body(receive, settings.SOCKET_FRAME_MAX_BYTES)
    return b"".join(message["body"] for message in received.messages())


def _check_packets(body: bytes, *, is_logged_in: bool) -> bytes:
    """Return the packets for Engine.IO; raises DomainError if the body has one that clients cannot send.

    Binary packets are answered with an error as any invalid message is, once there is somebody to answer.
    """
    try:
        packets = body.decode().split("\x1e")
    except UnicodeDecodeError as error:
        raise BadRequest(_("The body must be UTF-8."), code=RealtimeErrorCode.BAD_FRAME) from error
    if is_logged_in:
        packets = [BINARY_PACKET if packet.startswith("b") else packet for packet in packets]
    if len(packets) > PACKETS_PER_POST or not all(
        packet and packet[0] in POLLING_PACKET_TYPES for packet in packets
    ):
        raise BadRequest(_("Invalid Engine.IO packets."), code=RealtimeErrorCode.BAD_FRAME)
    return "\x1e".join(packets).encode()


def _replay_body(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _send_error(send: Any, error: DomainError, scope: dict[str, Any]) -> None:
    """Answer a request, or the handshake of a WebSocket, with an error."""
    body, about_language = error_in_language(
        error, dict(scope["headers"]), language=handshake_language(scope)
    )
    headers = [(b"content-type", b"application/json"), (b"connection", b"close"), *about_language]
    kind = "http.response"
    if scope["type"] == "websocket":
        kind = "websocket.http.response"
        if kind not in scope.get("extensions", {}):  # daphne then answers 403 without our body
            await send({"type": "websocket.close"})
            return
    await send({"type": f"{kind}.start", "status": error.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
