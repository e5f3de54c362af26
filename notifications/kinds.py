"""The registry of notification kinds; apps declare theirs in `notification_kinds.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils.functional import Promise

LANGUAGES = ("en", "ar")
CHANNELS = ("inbox", "push", "email")

Template = str | Promise
"""A text with `%(name)s` for values: `gettext_lazy("…")`, or `ngettext_lazy("…", "…", "count")`."""


class PendingPush(NamedTuple):
    """A push that is due, for a check whether its recipient has seen the content already."""

    id: int
    user_id: UUID
    data: Mapping[str, Any]


AttendedCheck = Callable[[Sequence[PendingPush]], set[int]]
"""Return the ids of the pushes that are not needed, because the recipient is looking at the content."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of notification: its texts, where it leads, and how it is sent.

    `link` and `collapse_key` have `{name}` for values of `data`. With `replaces_unread`, a newer notification
    with the same collapse key takes the place of an unread one in the inbox; pushes always replace each other
    on a device by that key. A value `{"label": "x"}` of a text is `labels["x"]`.

    With `is_mandatory` it is about the account's safety: it can't be switched off, its pushes ignore quiet
    hours, and it is emailed at once. Without `is_pushed` there are no pushes, because what causes it has
    ended the person's logins, and their devices went with them.
    """

    name: str
    label: Template
    when: str
    title: Template
    body: Template
    link: str
    collapse_key: str
    example_params: Mapping[str, Any]
    example_data: Mapping[str, Any]
    labels: Mapping[str, Template] = field(default_factory=dict)
    replaces_unread: bool = False
    is_urgent: bool = False
    is_mandatory: bool = False
    is_pushed: bool = True
    push_delay: timedelta = timedelta(0)
    expires_after: timedelta = timedelta(days=1)

    def key_for(self, data: Mapping[str, Any]) -> str:
        """Return the collapse key of a notification with this data."""
        return self.collapse_key.format_map(data)

    def path_for(self, data: Mapping[str, Any]) -> str:
        """Return the path of its deep link."""
        return self.link.format_map(data)


KINDS: dict[str, Kind] = {}
_attended_checks: dict[str, AttendedCheck] = {}


def declare_kind(kind: Kind) -> Kind:
    """Add a kind to the registry. Raises ValueError for a name that is taken."""
    if kind.name in KINDS:
        raise ValueError(f"The notification kind {kind.name} is declared twice")
    KINDS[kind.name] = kind
    return kind


def names_emailed_at_once() -> list[str]:
    """Return the names of the kinds that are emailed by themselves, and so are in no daily email."""
    return [kind.name for kind in KINDS.values() if kind.is_mandatory]


def register_attended_check(kind: Kind, check: AttendedCheck) -> None:
    """Ask `check` before pushes of this kind are sent; called in an app's `receivers.py`."""
    _attended_checks[kind.name] = check


def attended_among(kind: str, pushes: Sequence[PendingPush]) -> set[int]:
    """Return the ids of the pushes whose recipients are looking at the content already."""
    check = _attended_checks.get(kind)
    return check(pushes) if check else set()


def app_link(path: str) -> str:
    """Return the address that opens the app."""
    return f"soukloop://{path}"


def web_link(path: str) -> str:
    """Return the address that opens the same in a browser, or in an app that claims the host's links."""
    return f"{settings.WEB_URL}/{path}"
