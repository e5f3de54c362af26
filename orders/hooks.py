"""Hooks through which upper apps add to orders."""

from collections.abc import Mapping, Sequence
from typing import Any

from orders.models import Order
from soukloop.core.hooks import Hook

stream_evidence: Hook[[Order, Any], Sequence[Mapping[str, Any]]] = Hook()
"""`callback(order, viewer_id)`: the recorded videos of live streams that show the order's product.

As `StreamEvidenceOutput`; `viewer_id` is who gets the addresses. For disputes.
"""


def stream_evidence_of(order: Order, viewer_id: Any) -> list[Mapping[str, Any]]:
    """Return what all callbacks return for an order."""
    return [video for several in stream_evidence(order, viewer_id) for video in several]
