"""A web process reaches a size and keeps it: reads, writes, refusals, sockets."""

import asyncio
import http.client
import itertools
import json
import threading
import uuid
from typing import Any

import pytest
from websockets.asyncio.client import connect

from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from chat.tests.factories import make_conversation

pytestmark = pytest.mark.faults

CLIENTS = 4
REQUESTS = 2000  # of a round
SOCKETS = 100  # of a round
WARM_UP_ROUNDS = 3
ROUNDS = 3
GROWTH_MAX = 600  # bytes a request; what is measured is 0 to 300, and it was 1,600
SIZE_MAX = 250 * 2**20


class Load:
    """People who read and write, each over several connections."""

    def __init__(self, server: Any) -> None:
        people = [make_user() for _ in range(40)]
        self._server = server
        self._people = [
            (access_token_for(person), str(make_conversation(person, other).pk))
            for person, other in itertools.pairwise(people)
        ]
        self._unique = itertools.count()
        self.statuses: set[int] = set()

    def round(self) -> None:
        threads = [threading.Thread(target=self._send, args=[client]) for client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(self._open_sockets())

    def _send(self, client: int) -> None:
        for number in range(REQUESTS // CLIENTS):
            if number % 25 == 0:
                link = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
            token, conversation = self._people[(client + CLIENTS * number) % len(self._people)]
            method, path, body = self._request(number, conversation)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            headers["Idempotency-Key"] = str(uuid.uuid4())
            link.request(method, path, body, headers)
            answer = link.getresponse()
            answer.read()
            self.statuses.add(answer.status)

    def _request(self, number: int, conversation: str) -> tuple[str, str, str | None]:
        messages = f"/api/v1/conversations/{conversation}/messages"
        match number % 5:
            case 0:
                return "POST", messages, json.dumps({"content": "Hello " + "x" * (number % 300)})
            case 1:
                return "GET", messages, None
            case 2:
                return "GET", f"/api/v1/feeds/discover?search=word{next(self._unique)}", None
            case 3:
                return "GET", f"/api/v1/products/{uuid.uuid4()}", None
            case _:
                return "GET", "/api/v1/auth/me", None

    async def _open_sockets(self) -> None:
        async def join(token: str, conversation: str) -> None:
            headers = {"Authorization": f"Bearer {token}"}
            async with connect(f"{self._server.ws_url}/ws/", additional_headers=headers, proxy=None) as link:
                data = {"conversation_id": conversation}
                await link.send(json.dumps({"event": "conversation:join", "data": data, "id": 1}))
                async for message in link:
                    if "conversation:joined" in str(message):
                        return

        for first in range(0, SOCKETS, 20):
            people = [self._people[number % len(self._people)] for number in range(first, first + 20)]
            await asyncio.gather(*(join(*person) for person in people))


def test_a_web_process_stops_growing_after_its_first_requests(live_server_process: Any) -> None:
    [server] = live_server_process(fresh=True)
    load = Load(server)
    sizes = []
    for _ in range(WARM_UP_ROUNDS + ROUNDS):
        load.round()
        sizes.append(server.resident_bytes)
    growth = (sizes[-1] - sizes[WARM_UP_ROUNDS - 1]) / (ROUNDS * REQUESTS)
    print(f"\nMiB after each round: {[size // 2**20 for size in sizes]}; {growth:.0f} bytes a request")
    assert {200, 201, 404} <= load.statuses <= {200, 201, 404, 429}
    assert sizes[-1] < SIZE_MAX
    assert growth < GROWTH_MAX
