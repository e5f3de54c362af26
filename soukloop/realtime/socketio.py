"""Socket.IO at `/socket.io/`: python-socketio speaks the protocol, the hub delivers, `dispatch` answers."""

import asyncio
import logging
import re
from typing import Any

import engineio
import socketio
from django.conf import settings
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from engineio.payload import Payload
from socketio.packet import BINARY_ACK, BINARY_EVENT, CONNECT_ERROR, Packet

from soukloop.core import jsonlib
from soukloop.core.errors import BadRequest, DomainError, PayloadTooLarge
from soukloop.core.http.envelope import error_body
from soukloop.realtime import lifecycle
from soukloop.realtime.dispatch import dispatch
from soukloop.realtime.frames import Batch, Frame, WireFormat
from soukloop.realtime.handshake import identify_user, is_trusted_origin, query_value
from soukloop.realtime.members import Member
from soukloop.realtime.uvicorn_protocol import EXTENSION, TransportSink

logger = logging.getLogger("soukloop.socket")

PATH = "/socket.io/"
ROOT = "/"
PACKETS_PER_POST = 256
LOG_IN_WITHIN = 20.0  # seconds from the transport's handshake to Socket.IO's
QUEUE_MAX = 64  # packets with Engine.IO; the rest waits with the member
CARRIER = "soukloop.carrier"
_DISCONNECT = b"41"
_ACK_WANTED = re.compile(r"2([0-9]{1,15})\[")
# Engine.IO's packets that a client may send: close, ping (the probe), pong, message, upgrade, noop.
_PACKET_TYPES = frozenset("123456")

Payload.max_decode_packets = PACKETS_PER_POST


class Json:
    """What python-socketio encodes and decodes with."""

    @staticmethod
    def dumps(value: Any, **options: Any) -> str:
        return jsonlib.dumps(value).decode()

    @staticmethod
    def loads(raw: str) -> Any:
        return jsonlib.loads(raw)


class Outgoing(asyncio.Queue[Any]):
    """Engine.IO's packets for one client; `unsent` counts also what its writer has taken but not sent."""

    unsent = 0

    def _put(self, item: Any) -> None:
        self.unsent += 1
        super()._put(item)


class Engine(engineio.AsyncServer):
    def create_queue(self, *args: Any, **kwargs: Any) -> Outgoing:
        return Outgoing(*args, **kwargs)


class EngineSink:
    """Writes to one Socket.IO client: past Engine.IO once that has a WebSocket and nothing on its way."""

    def __init__(self, socket: Any) -> None:
        self.member: Member | None = None
        self._socket = socket
        self._raw: TransportSink | None = None
        self._is_open = False
        self._bad_packets = 0

    @property
    def is_writable(self) -> bool:
        if not self._is_open:
            return False
        if self._raw is not None and self._is_clear:
            return self._raw.is_writable
        return bool(self._socket.queue.qsize() < QUEUE_MAX)

    @property
    def _is_clear(self) -> bool:
        socket = self._socket
        return bool(socket.upgraded and not socket.upgrading and socket.queue.unsent == 0)

    def open(self) -> None:
        """Let events through: Socket.IO's own answer to the handshake is on its way before them."""
        self._is_open = True
        if self.member is not None:
            self.member.resume()

    def upgrade(self, raw: TransportSink) -> None:
        raw.wire = WireFormat.SOCKETIO
        raw.member = self.member
        self._raw = raw

    def write(self, batch: Batch) -> None:
        if self._raw is not None and self._is_clear:
            self._raw.write(batch)
            return
        for frame in batch.frames:
            text = frame.text(WireFormat.SOCKETIO)[1:].decode()
            self._socket.queue.put_nowait(EnginePacket(MESSAGE, text))

    def complain(self, member: Member, packet: Any, error: DomainError) -> None:
        """Answer a packet that can't be read: in its acknowledgement, if that much can be, or by `error`."""
        self._bad_packets += 1
        wanted = _ACK_WANTED.match(packet) if isinstance(packet, str) else None
        if wanted is not None:
            member.reply(_ack(wanted[1], error_body(error)))
        else:
            member.emit("error", error_body(error)["error"])
        if self._bad_packets >= lifecycle.BAD_FRAMES_MAX:
            member.close(lifecycle.close_code(error), error.message)

    def close(self, code: int, reason: str) -> None:
        if self.is_writable:
            self.write(Batch([Frame.from_text(_DISCONNECT)]))  # tells the client not to come back by itself
        if self._raw is not None:
            self._raw.close(code, reason)
        else:
            self._closing = asyncio.get_running_loop().create_task(_end(self._socket))


class SocketServer(socketio.AsyncServer):
    """python-socketio, with bad packets refused in a line and events left to the hub."""

    def __init__(self) -> None:
        super().__init__(
            async_mode="asgi",
            json=Json,
            async_handlers=False,  # in order, one at a time: what is read waits for what was
            namespaces=[ROOT],
            cors_allowed_origins=self._is_trusted,
            max_http_buffer_size=settings.SOCKET_FRAME_MAX_BYTES,
            http_compression=False,
        )
        self.sinks: dict[str, EngineSink] = {}
        self.on("connect", self._connect)
        self.on("disconnect", self._disconnect)

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def _is_trusted(self, origin: str, environ: dict[str, Any]) -> bool:
        return is_trusted_origin(origin, environ.get("HTTP_HOST", ""))

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        scope = environ["asgi.scope"]
        auth = auth if isinstance(auth, dict) else {}
        try:
            user = await identify_user(
                dict(scope["headers"]),
                scope["query_string"],
                token=auth.get("token"),
                ticket=auth.get("ticket"),
            )
            eio_sid = self.manager.eio_sid_from_sid(sid, ROOT)
            socket = self.eio.sockets[eio_sid]
            sink = self.sinks[sid] = EngineSink(socket)
            await lifecycle.connect(user, sink)
            socket.session["sink"] = sink
            if carrier := socket.session.get("carrier"):
                carrier.carry(sink)
        except DomainError as error:
            logger.info("a socket is refused: %s", error.code)
            data = {"code": error.code, "details": error.details}
            raise socketio.exceptions.ConnectionRefusedError(error.message, data) from error

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if namespace not in (None, ROOT):
            reason = {
                "message": "There is no such namespace.",
                "data": {"code": "unknown_url", "details": {}},
            }
            refused = Packet(CONNECT_ERROR, data=reason, namespace=namespace)
            await self._send_packet(eio_sid, refused)
            return
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or ROOT)
        sink = self.sinks.get(sid or "")
        if sink is not None and sink.member is not None:
            self.environ[eio_sid] = {}  # its headers are of no more use: 3 KiB a client
            sink.open()
            lifecycle.welcome(sink.member)

    async def _disconnect(self, sid: str, reason: str) -> None:
        sink = self.sinks.pop(sid, None)
        if sink is not None and sink.member is not None:
            await lifecycle.disconnect(sink.member)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError("an event without a name")
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or ROOT)
        sink = self.sinks.get(sid or "")
        if sink is None or sink.member is None:
            raise ValueError("an event before the handshake")
        member = sink.member
        ack = await dispatch(member, data[0], data[1] if len(data) > 1 else None)
        if id is not None:
            member.reply(_ack(str(id), ack))
        elif not ack["success"]:
            member.emit("error", {"event": data[0], **ack["error"]})

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        socket = self.eio.sockets[eio_sid]
        if carrier := environ["asgi.scope"].get(CARRIER):
            carrier.serve(socket)
        asyncio.get_running_loop().call_later(LOG_IN_WITHIN, self._expect_login, eio_sid)

    def _expect_login(self, eio_sid: str) -> None:
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and "sink" not in socket.session and not socket.closed:
            self.start_background_task(_end, socket)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await self._take(eio_sid, data)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            logger.info("a bad Socket.IO packet: %s", error)
            socket = self.eio.sockets.get(eio_sid)
            sink: EngineSink | None = socket.session.get("sink") if socket else None
            if sink is not None and sink.member is not None:
                sink.complain(
                    sink.member, data, BadRequest(f"Not a packet of ours: {error}.", code="bad_frame")
                )
            elif socket is not None:
                await _end(socket)

    async def _take(self, eio_sid: str, data: Any) -> None:
        # No event of ours is binary: an announced attachment would only be memory to hold on to.
        if not isinstance(data, str) or data[:1] in (str(BINARY_EVENT), str(BINARY_ACK), str(CONNECT_ERROR)):
            raise ValueError("not a packet that a client sends here")
        await super()._handle_eio_message(eio_sid, data)


class Carrier:
    """One WebSocket under Engine.IO: keeps bad frames from it, and lets the hub past it."""

    def __init__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._raw: TransportSink | None = scope.get("extensions", {}).get(EXTENSION)
        self._socket: Any = None

    def serve(self, socket: Any) -> None:
        """Know the Engine.IO session that this WebSocket is for."""
        self._socket = socket
        socket.session["carrier"] = self

    def carry(self, sink: EngineSink) -> None:
        if self._raw is not None:
            sink.upgrade(self._raw)

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._receive()
        if message["type"] == "websocket.receive":
            text = message.get("text")
            if not text or text[0] not in _PACKET_TYPES or len(text) > settings.SOCKET_FRAME_MAX_BYTES:
                message = await self._refuse(text)
            elif text[0] == "5" and self._socket is not None:
                self._socket.queue.unsent = self._socket.queue.qsize()
                if sink := self._socket.session.get("sink"):
                    self.carry(sink)
        if message["type"] == "websocket.disconnect" and self._socket is not None:
            self._socket.upgrading = (
                False  # Engine.IO forgets it, and then answers polls with nothing, for ever
            )
        return message

    async def send(self, message: dict[str, Any]) -> None:
        await self._send(message)
        if message["type"] == "websocket.send" and self._socket is not None:
            queue = self._socket.queue
            queue.unsent = max(0, queue.unsent - 1)
            _resume(self._socket)

    async def _refuse(self, text: str | None) -> dict[str, Any]:
        code, reason = 4400, "Not an Engine.IO packet."
        if text is not None and len(text) > settings.SOCKET_FRAME_MAX_BYTES:
            code, reason = 4413, "The packet is too large."
        logger.info("a socket is closed: %s %s", code, reason)
        sink: EngineSink | None = self._socket.session.get("sink") if self._socket else None
        if sink is not None and sink.member is not None:
            sink.member.emit("error", {"code": "bad_frame", "message": reason, "details": {}})
        await self._send({"type": "websocket.close", "code": code, "reason": reason})
        return {"type": "websocket.disconnect", "code": code}


class SocketIoApp:
    """The ASGI application at `/socket.io/`."""

    def __init__(self, server: SocketServer) -> None:
        self.server = server

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await lifecycle.start()
        socket = self.server.eio.sockets.get(query_value(scope["query_string"], "sid") or "")
        if scope["type"] == "websocket":
            carrier = Carrier(scope, receive, send)
            if socket is not None:
                carrier.serve(socket)
            scope[CARRIER] = carrier
            await self.server.handle_request(scope, carrier.receive, carrier.send)
            return
        if scope["method"] == "POST":
            try:
                body = await _read(receive)
            except DomainError as error:
                logger.info("a bad polling request: %s", error.code)
                if socket is not None:
                    await _end(socket)
                await _answer(send, error)
                return
            receive = _replayed(body)
        await self.server.handle_request(scope, receive, send)
        if socket is not None and not socket.upgraded:
            socket.queue.unsent = socket.queue.qsize()
            _resume(socket)


def _ack(packet_id: str, ack: dict[str, Any]) -> bytes:
    return b"43" + packet_id.encode() + b"[" + jsonlib.dumps(ack) + b"]"


async def _end(socket: Any) -> None:
    """Close an Engine.IO session; its own `disconnect` waits for a client that may never read again."""
    await socket.close(wait=False)
    socket.queue.put_nowait(None)  # ends its writer, which closes the WebSocket that a rude client would keep
    socket.server.sockets.pop(socket.sid, None)


def _resume(socket: Any) -> None:
    sink: EngineSink | None = socket.session.get("sink")
    if sink is not None and sink.member is not None and sink.member.backlog and sink.is_writable:
        sink.member.resume()


async def _read(receive: Any) -> bytes:
    """Return a polling request's body; raises DomainError for one that isn't Engine.IO packets."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > settings.SOCKET_FRAME_MAX_BYTES:
            raise PayloadTooLarge
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    try:
        packets = body.decode().split("\x1e")
    except UnicodeDecodeError as error:
        raise BadRequest("Send UTF-8.", code="bad_frame") from error
    if len(packets) > PACKETS_PER_POST or not all(
        packet and packet[0] in _PACKET_TYPES for packet in packets
    ):
        raise BadRequest("Not Engine.IO packets.", code="bad_frame")
    return body


def _replayed(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(send: Any, error: DomainError) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": jsonlib.dumps(error_body(error))})
