"""Refusals as Stripe words them."""

from typing import Any


class ApiError(Exception):
    """An answer with an error in its body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        is_saved: bool = True,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_saved = is_saved
        """Whether a second call with the same idempotency key gets this answer again."""
        self.body: dict[str, Any] = {"error": {"type": kind, "message": message, **details}}
        if code:
            self.body["error"]["code"] = code
        if param:
            self.body["error"]["param"] = param


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """A parameter that is missing or wrong: found before the call began, so not kept with its key."""
    return ApiError(400, message, code=code, param=param, is_saved=False)


def missing(noun: str, object_id: str) -> ApiError:
    return ApiError(
        404, f"No such {noun}: '{object_id}'", code="resource_missing", param="id", is_saved=False
    )


def unexpected_state(intent: dict[str, Any], verb: str) -> ApiError:
    return ApiError(
        400,
        f"This PaymentIntent could not be {verb} because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=dict(intent),
    )


def insufficient_balance(message: str) -> ApiError:
    return ApiError(400, message, code="balance_insufficient")
