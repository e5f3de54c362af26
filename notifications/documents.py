"""The part of `docs/notifications.md` that is generated from the registry of kinds."""

import json
from datetime import timedelta

from notifications.kinds import KINDS, Kind, app_link
from notifications.texts import render

PAGE = "docs/notifications.md"
_START, _END = "<!-- kinds: written by `manage.py notification_docs` -->", "<!-- end of kinds -->"


def with_kinds(page: str) -> str:
    """Return the page with a current section for each kind between its two marks."""
    before, rest = page.split(_START)
    _, after = rest.split(_END)
    sections = "\n".join(_section(KINDS[name]) for name in sorted(KINDS))
    return f"{before}{_START}\n\n{sections}\n{_END}{after}"


def _section(kind: Kind) -> str:
    english, arabic = (render(kind.name, kind.example_params, language) for language in ("en", "ar"))
    row = "| {} | {} | {} |\n"
    return (
        f"### `{kind.name}`\n\n{kind.when}.\n\n"
        + row.format("", "English", "Arabic")
        + row.format("---", "---", "---")
        + row.format("title", english.title, arabic.title)
        + row.format("body", english.body, arabic.body)
        + f"\n- Link: `{app_link(kind.link)}`. Collapse key: `{kind.collapse_key}`.\n"
        + f"- {_sending(kind)}\n"
        + f"- Data: `{json.dumps(dict(kind.example_data))}`\n"
    )


def _sending(kind: Kind) -> str:
    """Return how its pushes and emails are sent, and what happens in the inbox."""
    priority = "at once" if kind.is_urgent else "after urgent ones"
    delay = f", {_duration(kind.push_delay)} after it was written" if kind.push_delay else ""
    quiet = "; quiet hours don't delay it" if kind.is_mandatory else ""
    pushed = f"Pushed {priority}{delay}{quiet}; given up after {_duration(kind.expires_after)}."
    if not kind.is_pushed:
        pushed = "Not pushed: the logins have ended, and with them the devices."
    email = " Emailed at once." if kind.is_mandatory else ""
    inbox = " In the inbox it replaces an unread one with the same key." if kind.replaces_unread else ""
    return f"{pushed}{email}{inbox}"


def _duration(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % unit == 0 and seconds >= unit:
            return f"{seconds // unit} {name}{'s' if seconds > unit else ''}"
    return str(time)
