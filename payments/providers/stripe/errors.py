"""What the library raises, as what our services understand, with nothing secret in its text."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from payments.providers.base import ProviderRefused, ProviderUnavailable

logger = logging.getLogger(__name__)

# Codes of refusals that say "not now".
TRANSIENT = frozenset({"idempotency_key_in_use", "lock_timeout", "rate_limit"})


@contextmanager
def provider_errors() -> Iterator[None]:
    """Raise ProviderUnavailable or ProviderRefused for the library's errors.

    The library's own exceptions are not chained: they carry whole bodies, with client secrets in them.
    """
    try:
        yield
    except stripe.StripeError as error:
        raised = _translated(error)
    else:
        return
    raise raised from None


def _translated(error: stripe.StripeError) -> Exception:
    where = f"status {error.http_status}, request {error.request_id or 'unknown'}"
    code = _code(error)
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        # A wrong key is our mistake, and must not fail anybody's payment for good.
        logger.error("Stripe refused our key or its permissions: %s, %s", code, where)
        return ProviderUnavailable(f"stripe refused our key: {code}, {where}")
    if isinstance(error, stripe.IdempotencyError) and code not in TRANSIENT:
        logger.error("Stripe was called twice with one idempotency key and different parameters: %s", where)
        return ProviderRefused(code, f"{code}, {where}")
    if isinstance(error, stripe.CardError | stripe.InvalidRequestError) and code not in TRANSIENT:
        param = getattr(error, "param", None)
        return ProviderRefused(code, f"{code}{f' ({param})' if param else ''}, {where}")
    return ProviderUnavailable(f"stripe gave no answer: {type(error).__name__} {code}, {where}")


def _code(error: stripe.StripeError) -> str:
    """Return Stripe's code; of a declined card the bank's word, which says more."""
    details = error.error
    declined = getattr(details, "decline_code", None) if details else None
    if declined == "generic_decline":
        declined = None
    kind = getattr(details, "type", None) if details else None
    return str(declined or error.code or getattr(details, "code", None) or kind or "unknown")[:60]
