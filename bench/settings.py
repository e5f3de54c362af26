"""The project's settings with the probe commands and without rate limits: one client stands for thousands."""

from soukloop.realtime.tests.settings import *  # noqa: F403
from soukloop.settings import PRESENCE_TTL, RATE_LIMITS, SOCKET_HEARTBEAT  # noqa: F401 - the real ones again

RATE_LIMITS = {scope: (1_000_000, seconds) for scope, (_, seconds) in RATE_LIMITS.items()}
