"""What every view of streams asks of its request."""

from typing import Any, cast

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from accounts.models import User

TAGS = ["Live streams"]


def user_of(request: Request) -> User:
    return cast(User, request.user)


def valid(shape: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return what the shape makes of the data; raises a validation error with a message per field."""
    serializer = shape(data=data)
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)
