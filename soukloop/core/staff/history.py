"""The admin's history of staff actions, written by the services that carry them out."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model


def log_staff_action(*, actor: Any, row: Model, message: str) -> None:
    """Add an entry to the row's admin history, in the caller's transaction."""
    LogEntry.objects.log_actions(actor.pk, [row], CHANGE, change_message=message, single_object=True)
