"""The open connections of this process: how many, from where, and which have not sent a request yet."""

import asyncio
import resource
from collections import Counter, defaultdict
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext_lazy as _

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

    Each has a file descriptor. When no more are allowed, in all or without a request from one address, the
    one that has waited longest without a request is closed for the new one, so that half-open connections
    keep nobody else out.
    """

    def __init__(self) -> None:
        self._connections: dict[asyncio.BaseTransport, _Connection] = {}
        self._by_address: Counter[str] = Counter()
        # In the order of arrival; those without an address count in all only.
        self._waiting: dict[asyncio.BaseTransport, None] = {}
        self._waiting_by_address: defaultdict[str, dict[asyncio.BaseTransport, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, transport: asyncio.BaseTransport, ip: str) -> None:
        """Count a new connection; raises RateLimited for its address, Unavailable for all."""
        address = None if settings.TRUSTED_PROXIES else subject_of(None, ip)
        if address is not None:
            if self._by_address[address] >= settings.CONNECTIONS_PER_ADDRESS_MAX:
                message = _("There are too many connections from your address.")
                raise RateLimited(message, retry_after=RETRY_SECONDS)
            waiting = self._waiting_by_address[address]
            if len(waiting) >= settings.WAITING_CONNECTIONS_PER_ADDRESS_MAX:
                self._abort(next(iter(waiting)))
        if len(self._connections) >= connections_max():
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                raise Unavailable
            self._abort(oldest)
        self._connections[transport] = _Connection(address)
        self._waiting[transport] = None
        if address is not None:
            self._by_address[address] += 1
            self._waiting_by_address[address][transport] = None

    def has_request(self, transport: asyncio.BaseTransport) -> None:
        """Record that the connection has sent the headers of a request."""
        connection = self._connections.get(transport)
        if connection is None or not connection.is_waiting:
            return
        connection.is_waiting = False
        del self._waiting[transport]
        if connection.address is not None:
            waiting = self._waiting_by_address[connection.address]
            del waiting[transport]
            if not waiting:
                del self._waiting_by_address[connection.address]

    def remove(self, transport: asyncio.BaseTransport) -> None:
        """Forget a closed connection; one that was never counted is no error."""
        self.has_request(transport)
        connection = self._connections.pop(transport, None)
        if connection is not None and connection.address is not None:
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]

    def _abort(self, transport: asyncio.BaseTransport) -> None:
        self.remove(transport)
        transport.abort()  # type: ignore[attr-defined]  # every transport of a socket has it


def connections_max() -> int:
    """Return CONNECTIONS_MAX, or fewer if the process may not open as many files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed: int = settings.CONNECTIONS_MAX
    return min(allowed, max(1, files - FILES_RESERVED))


open_connections = OpenConnections()
