"""One client against FCM's stand-in, by itself: python -m bench.push.clients ours|httpx COUNT"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import django
import httpx

PARALLEL = 400  # what the pusher keeps open to FCM: four connections with a hundred streams
Send = Callable[[str], Awaitable[bool]]


def main() -> None:
    django.setup()
    name, count = sys.argv[1], int(sys.argv[2])
    print(json.dumps(asyncio.run(_measure(_ours if name == "ours" else _httpx, count))))


async def _measure(client: Callable[[int], Awaitable[int]], count: int) -> dict[str, float]:
    await client(50)  # the access token, the connections
    started, used = time.perf_counter(), time.process_time()
    sent = await client(count)
    seconds = time.perf_counter() - started
    return {"rate": sent / seconds, "cpu_ms": (time.process_time() - used) * 1000 / count, "sent": sent}


async def _ours(count: int) -> int:
    from notifications.push.channels import Sent, Target  # noqa: PLC0415 - Django must be set up first
    from notifications.push.fcm import FcmChannel  # noqa: PLC0415

    channel, message = FcmChannel(), _message()

    async def send(token: str) -> bool:
        return isinstance(await channel.send(Target(uuid4(), "fcm", token), message), Sent)

    try:
        return await _send_all(send, count)
    finally:
        await channel.close()


async def _httpx(count: int) -> int:
    """Send the same messages by httpx, as the usual sender on google-auth and httpx[http2] does."""
    from django.conf import settings  # noqa: PLC0415

    from notifications.push.access_token import AccessToken  # noqa: PLC0415
    from notifications.push.payloads import fcm_message  # noqa: PLC0415

    token, message = AccessToken(settings.FCM_CREDENTIALS), _message()
    url = f"{settings.FCM_URL}/v1/projects/{token.project_id}/messages:send"
    headers = {
        "Authorization": f"Bearer {await asyncio.to_thread(token.get)}",
        "Content-Type": "application/json",
    }
    limits = httpx.Limits(max_connections=4)
    context = ssl.create_default_context()
    async with httpx.AsyncClient(http2=True, verify=context, limits=limits, timeout=30) as client:

        async def send(device: str) -> bool:
            body = fcm_message(device, message, now=datetime.now(UTC))
            return (await client.post(url, content=body, headers=headers)).status_code == 200

        return await _send_all(send, count)


async def _send_all(send: Send, count: int) -> int:
    """Send to this many devices, PARALLEL at a time; return how many were taken."""
    numbers = iter(range(count))

    async def work() -> int:
        taken = 0
        for number in numbers:
            try:
                taken += await send(f"phone-{number}")
            except httpx.HTTPError:
                continue  # it isn't counted
        return taken

    return sum(await asyncio.gather(*(work() for _ in range(min(PARALLEL, count)))))


def _message() -> object:
    from notifications.push.channels import Message  # noqa: PLC0415

    return Message(
        notification_id=uuid4(),
        kind="stream_live",
        title="@noura is live",
        body="Friday sneaker drop",
        language="en",
        link="soukloop://streams/1",
        url="https://soukloop.com/streams/1",
        collapse_key="stream:1",
        badge=3,
        is_urgent=False,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        data={"stream_id": "1"},
    )


if __name__ == "__main__":
    main()
