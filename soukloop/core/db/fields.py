"""Model fields whose values are the database's."""

from typing import Any

from django.db import models

from soukloop.core.db.clock import database_now


class UpdatedAtField(models.DateTimeField[Any, Any]):
    """Set by each save, as with `auto_now`, but to the database's time: for rows that other hosts judge."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = database_now()
        setattr(model_instance, self.attname, value)
        return value
