"""Views that belong to no app."""

from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from soukloop.core.errors import NotFound


class UnknownUrl(APIView):
    """Any URL under `/api/` that nothing else answers."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is no such URL.", code="unknown_url")
