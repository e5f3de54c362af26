"""`/metrics`: the metrics of all processes of this machine, for Prometheus and nobody else."""

import hmac
import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import NotFound
from soukloop.core.http.envelope import json_error
from soukloop.core.http.requests import bearer_token, client_ip
from soukloop.core.metrics import METRIC_FILES, REGISTRY
from soukloop.core.metrics.database import database_collector
from soukloop.core.metrics.processes import process_sampler


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics, as text or in the OpenMetrics format; 404 to those who may not read them."""
    if not _is_allowed(request):
        return json_error(NotFound(_("URL not found."), code=CoreErrorCode.UNKNOWN_URL))
    body, content_type = render(request.headers.get("Accept", ""))
    return HttpResponse(body, content_type=content_type)


def render(accepted: str = "") -> tuple[bytes, str]:
    """Return the metrics in a format that the header `Accept` asks for, and its content type."""
    encode, content_type = choose_encoder(accepted)
    process_sampler.sample()
    registry = CollectorRegistry()
    registry.register(database_collector)
    if METRIC_FILES is None:
        registry.register(REGISTRY)
        return encode(registry), content_type
    with METRIC_FILES.locked():
        METRIC_FILES.fold_dead()
        registry.register(METRIC_FILES.collector())
        return encode(registry), content_type


def _is_allowed(request: HttpRequest) -> bool:
    given = bearer_token(request.headers.get("Authorization", ""))
    if settings.METRICS_TOKEN and given:
        return hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    return _is_listed(client_ip(request), tuple(settings.METRICS_ADDRESSES))


@lru_cache(maxsize=256)
def _is_listed(address: str, networks: Sequence[str]) -> bool:
    try:
        return any(
            ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
            for network in networks
        )
    except ValueError:  # a peer without an address, such as a Unix socket
        return False
