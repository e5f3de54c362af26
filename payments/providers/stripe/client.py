"""The one way in which Stripe is called: pinned version, our time limits, no retries, no secrets in logs."""

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import stripe
from django.conf import settings

from payments.providers.base import ProviderUnavailable
from payments.providers.stripe.errors import provider_errors

logger = logging.getLogger(__name__)

API_VERSION = "2026-10-28.endive"
"""Of every call and of our webhooks, whatever the library's or the account's default becomes."""

PAGE = 100

# Global settings of the library, which its client has no parameter for.
stripe.enable_telemetry = False
stripe.log = None
# At "info" and "debug" the library logs addresses and bodies, with names, e-mails and client secrets in them.
# A filter stays when somebody changes the level. STRIPE_LOG in the environment prints the same to standard
# error, which only this undocumented name can turn off.
logging.getLogger("stripe").addFilter(lambda record: record.levelno >= logging.WARNING)
stripe._util.STRIPE_LOG = None


def stripe_client() -> stripe.StripeClient:
    """Return the client for the settings in force. Raises ProviderUnavailable if there is no key."""
    if not settings.STRIPE_SECRET_KEY:
        logger.error("STRIPE_SECRET_KEY is not set")
        raise ProviderUnavailable("stripe has no key")
    return _client(
        settings.STRIPE_SECRET_KEY,
        settings.STRIPE_API_BASE.rstrip("/"),
        settings.PROVIDER_TIMEOUT.total_seconds(),
    )


@lru_cache(maxsize=8)
def _client(key: str, api_base: str, timeout: float) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base},
        http_client=stripe.RequestsClient(timeout=timeout),
        max_network_retries=0,  # jobs retry, with the same key
    )


def call(
    method: Callable[..., Any],
    *ids: str,
    params: dict[str, Any] | None = None,
    account: str = "",
    key: str = "",
) -> dict[str, Any]:
    """Call a method of the client and return the answer as a dictionary.

    `account` is the connected account that it is done on, `key` the idempotency key.
    """
    with provider_errors():
        answer: dict[str, Any] = method(*ids, params=params or {}, options=_options(account, key)).to_dict()
    return answer


def call_list(
    method: Callable[..., Any], *ids: str, params: dict[str, Any] | None = None, account: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield all objects of a list, page after page, the newest first."""
    with provider_errors():
        listed = method(*ids, params={"limit": PAGE, **(params or {})}, options=_options(account, ""))
        for item in listed.auto_paging_iter():
            yield item.to_dict()


def find_by_reference(
    method: Callable[..., Any],
    *ids: str,
    reference: str,
    params: dict[str, Any] | None = None,
    account: str = "",
) -> dict[str, Any] | None:
    """Return the object that we made for a row of ours, or None.

    Stripe forgets idempotency keys after a day, and a job may be retried later: what moves money is looked
    for before it is made.
    """
    with provider_errors():
        listed = method(*ids, params={"limit": PAGE, **(params or {})}, options=_options(account, ""))
        items: list[dict[str, Any]] = listed.to_dict()["data"]
    return next((item for item in items if reference_of(item) == reference), None)


def reference_of(item: dict[str, Any]) -> str:
    """Return the id of our row that an object was made for; empty if it was not made by us."""
    return str((item.get("metadata") or {}).get("reference", ""))


def id_of(value: Any) -> str:
    """Return the id of a field that may be expanded to an object, or be empty."""
    return str(value["id"] if isinstance(value, dict) else value or "")


def _options(account: str, key: str) -> dict[str, str]:
    options = {}
    if account:
        options["stripe_account"] = account
    if key:
        options["idempotency_key"] = key
    return options
