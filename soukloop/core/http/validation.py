"""Validation of input, used by every view and socket command."""

from collections.abc import Mapping
from typing import Any, cast

from django.utils.translation import gettext
from rest_framework.serializers import Serializer, ValidationError

from soukloop.core.errors import ValidationFailed

_REPORTED_MAX = 20  # a body of a megabyte may hold a hundred thousand names


class NoInput(Serializer[Any]):
    """The body of a request that has no fields."""


def validated(input_class: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the validated data of a body; raises DRF's ValidationError with a message per field.

    A field that the input class doesn't have is refused, because the client would take it for accepted.
    """
    return validated_strictly(input_class(), data)


def validated_query(input_class: type[Serializer[Any]], parameters: Any) -> dict[str, Any]:
    """Return the validated parameters of a URL, in which others are ignored; raises as `validated` does.

    Links are shared, and other programs add parameters to them.
    """
    serializer = input_class(data=parameters)
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)


def validated_changes(input_class: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the validated data of a PATCH.

    Raises ValidationFailed if it contains no known field, instead of reporting a change that was not made.
    """
    serializer = input_class()
    if isinstance(data, Mapping) and not set(data) & set(serializer.fields):
        message = gettext("Nothing to change. Send at least one of these fields: %(fields)s.")
        message %= {"fields": ", ".join(serializer.fields)}
        raise ValidationFailed(details={"non_field_errors": [message]})
    return dict(validated_strictly(serializer, data))


def validated_strictly(serializer: Serializer[Any], data: Any) -> dict[str, Any]:
    """Return the data validated by this serializer; raises ValidationError, for unknown fields too."""
    unknown = _unknown_field_errors(data, list(serializer.fields)) if isinstance(data, Mapping) else {}
    try:
        valid = serializer.run_validation(data)
    except ValidationError as error:
        if not unknown:
            raise
        raise ValidationError({**cast(dict[str, Any], error.detail), **unknown}) from error
    if unknown:
        raise ValidationError(unknown)
    return cast(dict[str, Any], valid)


def _unknown_field_errors(data: Mapping[Any, Any], known: list[str]) -> dict[str, list[str]]:
    unknown = [str(name) for name in data if name not in known]
    message = gettext("This request has no such field. It has no fields.")
    if known:
        message = gettext("This request has no such field. It has %(fields)s.") % {"fields": ", ".join(known)}
    return {name: [message] for name in unknown[:_REPORTED_MAX]}
