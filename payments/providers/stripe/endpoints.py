"""Registering the address of our webhooks at Stripe, so that each kind of event is sent to it once.

Stripe needs two endpoints for one address: one for events of our own account, one for those of the sellers'.
It shows an endpoint's secret only when it makes it, so a print of the secret is kept in the endpoint's
metadata: that tells later whether the secret is one of those in our settings.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from payments.providers.stripe.client import API_VERSION, call, call_list, stripe_client
from payments.providers.stripe.webhooks import EVENT_TYPES

KINDS = {"account": "our account", "connect": "the sellers' accounts"}
KIND, PRINT = "soukloop_kind", "soukloop_secret_print"  # names in an endpoint's metadata


@dataclass(frozen=True)
class Change:
    """What was found or done, as a sentence for a person; `secret` is that of a new endpoint."""

    text: str
    secret: str = ""


def register_endpoints(url: str) -> Iterator[Change]:
    """Leave exactly one endpoint of each kind for an address; endpoints of other addresses are not touched.

    Raises ProviderUnavailable and ProviderRefused.
    """
    listed = call_list(stripe_client().v1.webhook_endpoints.list)
    ours = [endpoint for endpoint in listed if endpoint["url"].rstrip("/") == url.rstrip("/")]
    for kind in KINDS:
        yield from _keep_one(kind, url, [one for one in ours if _metadata(one, KIND) == kind])
    for endpoint in ours:
        if _metadata(endpoint, KIND) not in KINDS:
            yield _delete(endpoint, "it was not made by this command, and its secret cannot be known")


def unused_secrets(url: str) -> list[str]:
    """Return those of our secrets that belong to no endpoint of the address."""
    listed = call_list(stripe_client().v1.webhook_endpoints.list)
    prints = {
        _metadata(endpoint, PRINT) for endpoint in listed if endpoint["url"].rstrip("/") == url.rstrip("/")
    }
    return [secret for secret in settings.STRIPE_WEBHOOK_SECRETS if print_of(secret) not in prints]


def print_of(secret: str) -> str:
    """Return what identifies a secret, from which it can't be found."""
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def _keep_one(kind: str, url: str, found: list[dict[str, Any]]) -> Iterator[Change]:
    usable = [endpoint for endpoint in found if not _unusable(endpoint)]
    if usable:
        kept = usable[0]
        yield _mend(kept, kind)
        for endpoint in found:
            if endpoint["id"] != kept["id"]:
                yield _delete(endpoint, "the address was registered more than once")
        return
    yield from _create(kind, url)  # before the others are deleted, so that no event is missed
    for endpoint in found:
        yield _delete(endpoint, _unusable(endpoint))


def _unusable(endpoint: dict[str, Any]) -> str:
    """Return why an endpoint must be replaced; empty if it need not be."""
    if _metadata(endpoint, PRINT) not in {print_of(secret) for secret in settings.STRIPE_WEBHOOK_SECRETS}:
        return "its secret is not in STRIPE_WEBHOOK_SECRETS, and Stripe does not show it again"
    if endpoint.get("api_version") != API_VERSION:
        return f"it sends events of version {endpoint.get('api_version')}, not {API_VERSION}"
    return ""


def _mend(endpoint: dict[str, Any], kind: str) -> Change:
    params: dict[str, Any] = {}
    if sorted(endpoint["enabled_events"]) != EVENT_TYPES:
        params["enabled_events"] = EVENT_TYPES
    if endpoint["status"] != "enabled":
        params["disabled"] = False
    if not params:
        return Change(f"{endpoint['id']} receives the events of {KINDS[kind]}: unchanged.")
    call(stripe_client().v1.webhook_endpoints.update, endpoint["id"], params=params)
    return Change(
        f"{endpoint['id']} receives the events of {KINDS[kind]}: changed {' and '.join(sorted(params))}."
    )


def _create(kind: str, url: str) -> Iterator[Change]:
    endpoints = stripe_client().v1.webhook_endpoints
    made = call(
        endpoints.create,
        params={
            "url": url,
            "enabled_events": EVENT_TYPES,
            "api_version": API_VERSION,
            "connect": kind == "connect",
            "description": f"Souk Loop: events of {KINDS[kind]}",
            "metadata": {KIND: kind},
        },
    )
    secret = str(made["secret"])
    yield Change(f"{made['id']} receives the events of {KINDS[kind]}: created.", secret)
    call(endpoints.update, made["id"], params={"metadata": {PRINT: print_of(secret)}})


def _delete(endpoint: dict[str, Any], reason: str) -> Change:
    call(stripe_client().v1.webhook_endpoints.delete, endpoint["id"])
    return Change(f"{endpoint['id']} was deleted: {reason}.")


def _metadata(endpoint: dict[str, Any], name: str) -> str:
    return str((endpoint.get("metadata") or {}).get(name, ""))
