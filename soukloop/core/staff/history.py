"""What staff did, to what and why: the admin's history, written by the services that did it."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model


def log_staff_action(*, actor: Any, row: Model, message: str) -> None:
    """Add an entry to the row's history, in the caller's transaction."""
    LogEntry.objects.log_actions(actor.pk, [row], CHANGE, change_message=message, single_object=True)
