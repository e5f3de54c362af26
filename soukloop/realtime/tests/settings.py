"""The project's settings with the probe app and short timeouts."""

from datetime import timedelta

from soukloop.settings import *  # noqa: F403
from soukloop.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "soukloop.realtime.tests.probe"]
SOCKET_HEARTBEAT = timedelta(seconds=1)
PRESENCE_TTL = timedelta(seconds=5)  # several heartbeats: test machines are slow at times
