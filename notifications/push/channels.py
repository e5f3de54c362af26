"""What the sender and its channels tell each other: pushes, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class Target:
    """The device that a push goes to, and where it is registered."""

    device_id: UUID
    platform: str  # fcm or webpush
    token: str  # the registration token of FCM, or the endpoint of a Web Push subscription
    p256dh: str = ""
    auth: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What a device shows, in its owner's language."""

    notification_id: UUID
    kind: str
    title: str
    body: str
    language: str
    link: str  # soukloop://…
    url: str  # the https form of the link
    collapse_key: str
    badge: int
    is_urgent: bool
    expires_at: datetime
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """The push service took it."""


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The device will never take a push again: it must be forgotten."""

    error: str


@dataclass(frozen=True, slots=True)
class Refused:
    """This push can't be sent, and would not be at another time."""

    error: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The push service may have taken it, but its answer never came: it must not be sent again."""

    error: str


@dataclass(frozen=True, slots=True)
class Busy:
    """The push service has not taken it, and takes none for some seconds (None: it didn't say how many)."""

    error: str
    retry_after: float | None = None


Outcome = Sent | Unregistered | Refused | Lost | Busy


class Channel(Protocol):
    """A way to the devices of one platform."""

    parallel_max: int  # pushes at a time to one server

    async def send(self, target: Target, message: Message) -> Outcome:
        """Send one push, and say what became of it; raises nothing that has to do with the push service."""

    async def close(self) -> None:
        """Close the connections."""


def open_channels() -> dict[str, Channel]:
    """Open the channel of each platform that PUSH_CHANNELS names."""
    return {platform: import_string(path)() for platform, path in settings.PUSH_CHANNELS.items()}
