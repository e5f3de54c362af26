"""How every view checks what a client sent."""

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
    """Return the validated data of a PATCH; `partial` for a shape that is also used to create.

    Raises ValidationFailed where it names no known field, rather than answer as if something was saved.
    """
    serializer = input_class(data=data, partial=partial)
    serializer.is_valid(raise_exception=True)
    if not serializer.validated_data:
        message = f"No known field to change. The fields are: {', '.join(serializer.fields)}."
        raise ValidationFailed(details={"non_field_errors": [message]})
    return dict(serializer.validated_data)
