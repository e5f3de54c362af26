"""An HTTP/2 server over TLS on loopback, for the push services that tests and benchmarks stand in for."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings


@dataclass(slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Reply:
    """What it is answered, after some seconds; None: never."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after: float | None = 0.0


class Http2Server:
    """Answers each request by a function, in a thread of its own."""

    def __init__(
        self,
        directory: Path,
        answer: Callable[[Request], Reply],
        *,
        streams_max: int = 100,
        protocols: tuple[str, ...] = ("h2", "http/1.1"),
    ) -> None:
        self.answer = answer
        self.streams_max = streams_max
        self.certificate = make_certificate(directory)
        self.port = 0
        self.connections = 0
        self.most_streams = 0  # on one connection at a time
        # The first connection that opens this stream gets a GOAWAY: it and those above are not processed.
        self.goaway_at: int | None = None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, directory / "key.pem")
        self._context.set_alpn_protocols(list(protocols))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(
                lambda: _Connection(self), "127.0.0.1", 0, ssl=self._context, backlog=1000
            )
        )
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()


class _Connection(asyncio.Protocol):
    def __init__(self, server: Http2Server) -> None:
        self.server = server
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        limits = {SettingCodes.MAX_CONCURRENT_STREAMS: server.streams_max}
        self.h2.local_settings = Settings(client=False, initial_values=limits)
        self.requests: dict[int, Request] = {}
        self.last_answered: int | None = None  # after a GOAWAY

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server.connections += 1
        self.is_http1 = transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2"
        if not self.is_http1:
            self.h2.initiate_connection()
            self.transport.write(self.h2.data_to_send())
        self.received = b""

    def data_received(self, data: bytes) -> None:
        if self.is_http1:
            self._http1(data)
            return
        try:
            events = self.h2.receive_data(data)
        except ProtocolError:
            self.transport.write(self.h2.data_to_send())
            self.transport.close()
            return
        for event in events:
            match event:
                case RequestReceived(stream_id=stream_id, headers=headers):
                    fields = dict(cast(list[tuple[str, str]], headers))
                    self.requests[stream_id] = Request(fields[":method"], fields[":path"], fields)
                    self.server.most_streams = max(self.server.most_streams, len(self.requests))
                case DataReceived(stream_id=stream_id, data=body, flow_controlled_length=length):
                    self.h2.acknowledge_received_data(length or 0, stream_id)
                    if stream_id in self.requests:
                        self.requests[stream_id].body += body
                case StreamEnded(stream_id=stream_id):
                    self._ended(stream_id)
                case StreamReset(stream_id=stream_id):
                    self.requests.pop(stream_id, None)
        self.transport.write(self.h2.data_to_send())

    def _ended(self, stream_id: int) -> None:
        server = self.server
        if server.goaway_at is not None and stream_id >= server.goaway_at:
            self.last_answered, server.goaway_at = server.goaway_at - 2, None
            # Written by hand: h2 would take it for the end of the connection.
            self.transport.write(self.h2.data_to_send())
            payload = self.last_answered.to_bytes(4) + bytes(4)
            self.transport.write(len(payload).to_bytes(3) + b"\x07\x00" + bytes(4) + payload)
        if self.last_answered is not None and stream_id > self.last_answered:
            self.requests.pop(stream_id)
            return
        reply = server.answer(self.requests[stream_id])
        if reply.after is None:
            return
        if reply.after:
            asyncio.get_running_loop().call_later(reply.after, self._reply, stream_id, reply)
        else:
            self._reply(stream_id, reply)

    def _reply(self, stream_id: int, reply: Reply) -> None:
        if self.requests.pop(stream_id, None) is None or self.transport.is_closing():
            return
        headers = [(":status", str(reply.status)), *((name.lower(), v) for name, v in reply.headers.items())]
        self.h2.send_headers(stream_id, headers)
        self.h2.send_data(stream_id, reply.body, end_stream=True)
        self.transport.write(self.h2.data_to_send())
        if self.last_answered is not None and not any(each <= self.last_answered for each in self.requests):
            self.transport.close()

    def _http1(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return
        start, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if len(body) < int(headers.get("content-length", 0)):
            return
        self.received = b""
        method, path, _ = start.split(" ")
        reply = self.server.answer(Request(method, path, headers, body))
        if reply.after is None:
            return
        fields = reply.headers | {"Content-Length": str(len(reply.body))}
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in fields.items())]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + reply.body)


def make_certificate(directory: Path) -> Path:
    """Write a certificate of localhost, and return it; clients trust it by SSL_CERT_FILE."""
    path = directory / "certificate.pem"
    if path.exists():
        return path
    directory.mkdir(parents=True, exist_ok=True)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "key.pem").write_bytes(private)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
