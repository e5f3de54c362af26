"""The project's settings with the probe commands and without rate limits: one client stands for thousands."""

from soukloop.realtime.tests.settings import *  # noqa: F403
from soukloop.settings import PRESENCE_TTL, RATE_LIMITS, SOCKET_HEARTBEAT  # noqa: F401 - the real ones again


class _Unlimited(dict[str, tuple[int, int]]):
    """A limit that no benchmark reaches, whatever the scope."""

    def get(self, scope: str, default: object = None) -> tuple[int, int]:
        return (1_000_000, 60)


RATE_LIMITS = _Unlimited(RATE_LIMITS)
RATE_LIMITS_BY_ADDRESS: dict[str, tuple[int, int]] = {}
SOCKETS_PER_USER_MAX = CONNECTIONS_PER_ADDRESS_MAX = WAITING_CONNECTIONS_PER_ADDRESS_MAX = 1_000_000
SOCKET_BYTES_PER_SECOND = SOCKET_BYTES_BURST = 1 << 40
