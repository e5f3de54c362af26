"""The open connections of this process: how many, from where, and which have not sent a request yet."""

import asyncio
import resource
from collections import Counter
from dataclasses import dataclass

from django.conf import settings

from soukloop.core.errors import RateLimited, Unavailable
from soukloop.core.redis.rate_limits import subject_of

FILES_RESERVED = 256  # for connections to PostgreSQL and Redis, logs, uploads
RETRY_SECONDS = 5


@dataclass
class _Connection:
    address: str | None  # None: exempt, or a proxy's
    is_waiting: bool = True


class OpenConnections:
    """Counts connections in all and by address, and those without a request apart.

    Each has a file descriptor. When no more are allowed, the one that has waited longest without a request is
    closed for the new one, so that half-open connections cannot keep everybody else out.
    """

    def __init__(self) -> None:
        self._connections: dict[asyncio.BaseTransport, _Connection] = {}
        self._waiting: dict[asyncio.BaseTransport, None] = {}  # in the order of arrival
        self._by_address: Counter[str] = Counter()
        self._waiting_by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, transport: asyncio.BaseTransport, ip: str) -> None:
        """Count a new connection; raises RateLimited for its address, Unavailable for all."""
        address = None if settings.TRUSTED_PROXIES else subject_of(None, ip)
        if address is not None and (
            self._by_address[address] >= settings.CONNECTIONS_PER_ADDRESS_MAX
            or self._waiting_by_address[address] >= settings.WAITING_CONNECTIONS_PER_ADDRESS_MAX
        ):
            raise RateLimited("There are too many connections from your address.", retry_after=RETRY_SECONDS)
        if len(self._connections) >= connections_max():
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                raise Unavailable
            self.remove(oldest)
            oldest.abort()  # type: ignore[attr-defined]
        self._connections[transport] = _Connection(address)
        self._waiting[transport] = None
        if address is not None:
            self._by_address[address] += 1
            self._waiting_by_address[address] += 1

    def has_request(self, transport: asyncio.BaseTransport) -> None:
        """Record that the connection has sent the headers of a request."""
        connection = self._connections.get(transport)
        if connection is not None and connection.is_waiting:
            connection.is_waiting = False
            del self._waiting[transport]
            _subtract(self._waiting_by_address, connection.address)

    def remove(self, transport: asyncio.BaseTransport) -> None:
        """Forget a closed connection; one that was never counted is no error."""
        self.has_request(transport)
        connection = self._connections.pop(transport, None)
        if connection is not None:
            _subtract(self._by_address, connection.address)


def connections_max() -> int:
    """Return CONNECTIONS_MAX, or fewer if the process may not open as many files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed: int = settings.CONNECTIONS_MAX
    return min(allowed, max(1, files - FILES_RESERVED))


def _subtract(counter: Counter[str], address: str | None) -> None:
    if address is not None:
        counter[address] -= 1
        if not counter[address]:
            del counter[address]


open_connections = OpenConnections()
