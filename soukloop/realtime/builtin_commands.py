"""Commands that belong to no app: where a client's app is on its device."""

from typing import Any

from soukloop.realtime import attention
from soukloop.realtime.commands import command
from soukloop.realtime.sessions import Session


@command("app:foreground", input=None, example={})
def app_foreground(session: Session, data: dict[str, Any]) -> None:
    """Say that the app is on the screen: new messages cause no push on any of your devices.

    It holds until `app:background` or until the connection is closed, so send it after each connect. An app
    that doesn't send it gets no push only for a conversation that it has joined.
    """
    attention.set_foreground(session, is_foreground=True)


@command("app:background", input=None, example={})
def app_background(session: Session, data: dict[str, Any]) -> None:
    """Say that the app is no longer on the screen. Leave conversations too, if they are no longer shown."""
    attention.set_foreground(session, is_foreground=False)
