"""Bodies over the limit are refused before Django reads them."""

from collections.abc import Iterable
from typing import Any

from soukloop.core.http import body_limit
from soukloop.core.http.body_limit import BodyLimit


async def answer(
    *, headers: dict[bytes, bytes], chunks: Iterable[bytes], method: str = "POST", path: str = "/"
) -> Any:
    """Return (status, bytes the inner application read, chunks taken from the client)."""
    received: list[bytes] = []
    sent: list[Any] = []
    pending = list(chunks)
    taken = 0

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            received.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": pending.pop(0), "more_body": bool(pending)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers.items())}
    await BodyLimit(inner)(scope, receive, send)
    return sent[0]["status"], b"".join(received), taken


async def test_a_body_below_the_limit_is_passed_on_unchanged() -> None:
    assert await answer(headers={}, chunks=[b"ab", b"cd"]) == (200, b"abcd", 2)


async def test_a_content_length_over_the_limit_is_refused_after_reading_the_body(settings: Any) -> None:
    length = str(settings.JSON_BODY_MAX_BYTES + 1).encode()
    assert await answer(headers={b"content-length": length}, chunks=[b"x"] * 9) == (413, b"", 9)


async def test_expect_100_continue_over_the_limit_is_refused_before_the_body(settings: Any) -> None:
    length = str(settings.JSON_BODY_MAX_BYTES + 1).encode()
    headers = {b"content-length": length, b"expect": b"100-continue"}
    assert await answer(headers=headers, chunks=[b"x"] * 9) == (413, b"", 0)


async def test_a_chunked_body_over_the_limit_is_refused_without_reading_all_of_it(
    settings: Any, monkeypatch: Any
) -> None:
    settings.JSON_BODY_MAX_BYTES = 100
    monkeypatch.setattr(body_limit, "DRAIN_MAX", 600)
    status, read, taken = await answer(headers={}, chunks=[b"x" * 60] * 50)
    assert (status, read, taken) == (413, b"", 2 + 10)


async def test_uploads_have_a_limit_of_their_own(settings: Any) -> None:
    headers = {b"content-type": b"multipart/form-data; boundary=x", b"content-length": b"5000000"}
    assert (await answer(headers=headers, chunks=[b"x"]))[0] == 200
    headers[b"content-length"] = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1).encode()
    assert (await answer(headers=headers, chunks=[b"x"]))[0] == 413


async def test_the_parts_of_videos_have_a_limit_of_their_own(settings: Any) -> None:
    path = "/api/v1/uploads/videos/0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa"
    headers = {b"content-type": b"application/offset+octet-stream", b"content-length": b"8388608"}
    assert (await answer(headers=headers, chunks=[b"x"], method="PATCH", path=path))[0] == 200
    assert (await answer(headers=headers, chunks=[b"x"], method="PATCH"))[0] == 413
    headers[b"content-length"] = b"8388609"
    assert (await answer(headers=headers, chunks=[b"x"], method="PATCH", path=path))[0] == 413
