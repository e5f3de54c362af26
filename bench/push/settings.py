"""The project's settings with a channel that records instead of sending."""

from soukloop.settings import *  # noqa: F403

PUSH_CHANNELS = {"fcm": "bench.push.recorder.Recorder"}
