"""Validation of input, used by every view."""

from typing import Any, cast

from rest_framework.serializers import Serializer

from soukloop.core.errors import ValidationFailed


def validated(input_class: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the validated data; raises DRF's ValidationError with a message per field."""
    serializer = input_class(data=data)
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)


def validated_changes(
    input_class: type[Serializer[Any]], data: Any, *, partial: bool = False
) -> dict[str, Any]:
    """Return the validated data of a PATCH; `partial` for an input class that is also used to create.

    Raises ValidationFailed if it contains no known field, instead of reporting a change that was not made.
    """
    serializer = input_class(data=data, partial=partial)
    serializer.is_valid(raise_exception=True)
    if not serializer.validated_data:
        message = f"Nothing to change. Send at least one of these fields: {', '.join(serializer.fields)}."
        raise ValidationFailed(details={"non_field_errors": [message]})
    return dict(serializer.validated_data)
