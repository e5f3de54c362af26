"""The admin's history of staff actions, written by the services that carry them out."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model


def log_staff_action(*, actor: Any, row: Model, message: str) -> None:
    """Add an entry to the row's admin history, in the caller's transaction."""
    LogEntry.objects.log_actions(actor.pk, [row], CHANGE, change_message=message, single_object=True)


def log_staff_export(*, actor: Any, model: type[Model], message: str) -> None:
    """Add an entry about rows of a table that a member of staff took out of the admin."""
    LogEntry.objects.create(
        user_id=actor.pk,
        content_type=ContentType.objects.get_for_model(model),
        object_repr=f"Export of {model._meta.verbose_name_plural}",
        action_flag=CHANGE,
        change_message=message,
    )
