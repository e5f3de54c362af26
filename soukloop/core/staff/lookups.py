"""Which fields the URL of an admin screen may filter by: only those that the screen declares."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist, SuspiciousOperation
from django.db.models import Model
from django.http import HttpRequest

# What Django's own filters append to the name of a field.
_FILTER_SUFFIXES = ("exact", "isnull", "isempty", "in", "gte", "lt")
_DATE_HIERARCHY_SUFFIXES = ("year", "month", "day")


def refuse_null_characters(request: HttpRequest) -> None:
    """Raise SuspiciousOperation if the URL filters by a null character, which PostgreSQL has none of."""
    for name, values in request.GET.lists():
        if "\0" in "".join([name, *values]):
            raise SuspiciousOperation(f"A null character in {name}")


class DeclaredLookups(admin.ModelAdmin[Any]):
    """Refuse each lookup in a URL that comes neither from a filter of the screen nor from a link to it.

    Django takes any lookup of the model's own columns, such as `?password__startswith=...`. With these, staff
    could read what no screen shows, one character at a time.
    """

    link_lookups: Sequence[str] = ()  # used by links from other screens

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in self.link_lookups or lookup in set(self._filter_lookups(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Find no row for an id with a null character, which an URL may contain as `%00` or `_00`."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Let a popup or a URL name rows by their primary key only."""
        return to_field in ("pk", self.opts.pk.name)

    def _filter_lookups(self, request: HttpRequest | None) -> Iterator[str]:
        for suffix in _DATE_HIERARCHY_SUFFIXES if self.date_hierarchy else ():
            yield f"{self.date_hierarchy}__{suffix}"
        for list_filter in self.get_list_filter(request) if request else self.list_filter:
            if isinstance(list_filter, type) and issubclass(list_filter, admin.SimpleListFilter):
                yield str(list_filter.parameter_name)
                continue
            path = str(list_filter[0] if isinstance(list_filter, tuple | list) else list_filter)
            yield path
            for suffix in _FILTER_SUFFIXES:
                yield f"{path}__{suffix}"
            if key := _related_key(self.model, path):
                yield f"{path}__{key}__exact"


def _related_key(model: type[Model], field_name: str) -> str | None:
    """Return the name of the column that a foreign key of the model refers to."""
    try:
        field = model._meta.get_field(field_name)
    except FieldDoesNotExist:  # a path through another table
        return None
    return field.target_field.name if field.is_relation else None  # type: ignore[union-attr]
