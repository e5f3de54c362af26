"""Bodies whose length is not declared, as a running web process receives them."""

import io
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from accounts.models import User
from accounts.tests.factories import PASSWORD, make_user
from accounts.tokens import access_token_for
from chat.tests.factories import make_conversation, make_message
from soukloop.core import jsonlib
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.tests.raw import Polling

Servers = Callable[..., list[ServerProcess]]


@pytest.fixture
def server(live_server_process: Servers) -> ServerProcess:
    [server] = live_server_process(1)
    return server


@pytest.fixture
def user(server: ServerProcess) -> User:
    return make_user()


def exchange(server: ServerProcess, raw: bytes, *, within: float = 10.0) -> tuple[int, dict[str, Any]]:
    """Send these bytes and return the status and the body of the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=within) as client:
        client.sendall(raw)
        received = b""
        while True:
            try:
                chunk = client.recv(65536)
            except TimeoutError:
                break
            received += chunk
            head, _, body = received.partition(b"\r\n\r\n")
            if not chunk or (b"content-length: " in head.lower() and len(body) >= _length(head)):
                break
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), jsonlib.loads(body) if body.startswith(b"{") else {}


def _length(head: bytes) -> int:
    return int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])


def request(
    path: str, body: bytes, *headers: str, token: str = "", content: str = "application/json"
) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {content}", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body: bytes, size: int = 7, *, trailer: bytes = b"") -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailer + b"\r\n"


CHUNKED = "Transfer-Encoding: chunked"


def test_a_chunked_login_is_read(server: ServerProcess, user: User) -> None:
    body = jsonlib.dumps({"identifier": user.email, "password": PASSWORD})
    for sent in (chunked(body), chunked(body, 1000), chunked(body, trailer=b"X-Checksum: 1\r\n")):
        status, answer = exchange(server, request("/api/v1/auth/login", sent, CHUNKED))
        assert (status, answer["success"]) == (200, True)


def test_a_chunked_body_says_up_to_where_messages_were_read(server: ServerProcess) -> None:
    conversation = make_conversation()
    for _ in range(5):
        make_message(conversation, conversation.seller)
    token = access_token_for(conversation.buyer)
    path = f"/api/v1/conversations/{conversation.pk}/read"
    status, answer = exchange(server, request(path, chunked(b'{"up_to_seq": 2}'), CHUNKED, token=token))
    assert status == 200, answer
    conversation.refresh_from_db()
    assert (conversation.buyer_read_seq, conversation.unread_count_buyer) == (2, 3)


def test_a_chunked_upload_is_stored(server: ServerProcess, user: User) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (20, 10), "teal").save(picture, "PNG")
    form = (
        b'--edge\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + picture.getvalue() + b"\r\n--edge--\r\n"
    )
    status, answer = exchange(
        server,
        request(
            "/api/v1/uploads/images",
            chunked(form, 100),
            CHUNKED,
            token=access_token_for(user),
            content="multipart/form-data; boundary=edge",
        ),
    )
    assert status == 201, answer
    assert (answer["data"]["width"], answer["data"]["height"]) == (20, 10)


def test_a_chunked_packet_of_socketio_is_read(server: ServerProcess, user: User) -> None:
    session = Polling(server)
    login = b"40" + jsonlib.dumps({"token": access_token_for(user)})
    path = f"/socket.io/?EIO=4&transport=polling&sid={session.sid}"
    status, _ = exchange(server, request(path, chunked(login), CHUNKED, content="text/plain"))
    assert status == 200
    received = session.get()[1]
    while b'"connected"' not in received:
        received += session.get()[1]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (request("/api/v1/auth/login", b"zz\r\n{}\r\n0\r\n\r\n", CHUNKED), "a chunk size that is no number"),
        (request("/api/v1/auth/login", b"-2\r\n{}\r\n0\r\n\r\n", CHUNKED), "a negative chunk size"),
        (request("/api/v1/auth/login", chunked(b"{}"), CHUNKED, "Content-Length: 2"), "both lengths"),
        (request("/api/v1/auth/login", b"{}", "Content-Length: 2", "Content-Length: 1"), "two lengths"),
        (request("/api/v1/auth/login", b"{}", "Content-Length: x"), "a length that is no number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_body_with_a_contradictory_length_is_refused(server: ServerProcess, raw: bytes, name: str) -> None:
    status, _ = exchange(server, raw)
    assert status == 400


@pytest.fixture
def impatient(live_server_process: Servers) -> ServerProcess:
    [server] = live_server_process(1, environment={"BODY_TIMEOUT_SECONDS": "0.5"})
    return server


@pytest.mark.parametrize("length", ["Content-Length: 100", CHUNKED])
def test_a_body_that_does_not_arrive_is_answered_with_408(impatient: ServerProcess, length: str) -> None:
    started = time.monotonic()
    status, answer = exchange(impatient, request("/api/v1/auth/login", b"5\r\n", length))
    assert (status, answer["error"]["code"]) == (408, "request_timeout")
    assert time.monotonic() - started < 3


BODIES_OF_READS = [
    f"{method} {path}"
    for method, path in (
        ("GET", "/healthz"),
        ("OPTIONS", "/api/v1/auth/login"),
        ("GET", "/api/v1/auth/me"),
        ("GET", "/api/v1/feeds/community"),
        ("GET", "/socket.io/?EIO=4&transport=polling"),
    )
]


def read_with_body(line: str, body: bytes, length: str) -> bytes:
    return f"{line} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode() + body


@pytest.mark.parametrize("line", BODIES_OF_READS)
@pytest.mark.parametrize("length", ["Content-Length: 100", CHUNKED])
def test_the_body_of_a_read_that_does_not_arrive_is_answered_with_408(
    impatient: ServerProcess, line: str, length: str
) -> None:
    status, answer = exchange(impatient, read_with_body(line, b"5\r\n", length), within=5.0)
    assert (status, answer["error"]["code"]) == (408, "request_timeout")


@pytest.mark.parametrize("line", BODIES_OF_READS)
def test_the_body_of_a_read_over_the_limit_is_refused(
    server: ServerProcess, line: str, settings: Any
) -> None:
    body = b"x" * (settings.JSON_BODY_MAX_BYTES + 1)
    status, _ = exchange(server, read_with_body(line, chunked(body, 65536), CHUNKED))
    assert status == 413


def test_a_read_with_a_small_body_is_answered_as_one_without(server: ServerProcess) -> None:
    for length, body in ((CHUNKED, chunked(b"{}")), ("Content-Length: 2", b"{}")):
        assert exchange(server, read_with_body("GET /healthz", body, length))[0] == 200
