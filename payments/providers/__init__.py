"""Payment providers: the one that a row names, and how their silence becomes an error of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from payments.error_codes import PaymentsErrorCode
from payments.fees import IN_PERSON
from payments.providers.base import Provider, ProviderUnavailable
from soukloop.core.errors import NotFound, Unavailable

__all__ = ["IN_PERSON", "card_provider", "provider", "provider_call"]


def provider(name: str) -> Provider:
    """Return a provider of `settings.PAYMENT_PROVIDERS`; raises NotFound for another name."""
    path = settings.PAYMENT_PROVIDERS.get(name)
    if path is None:
        raise NotFound
    return _instance(path)


def card_provider() -> Provider:
    """Return the provider through which new sales are paid by card."""
    return provider(settings.CARD_PROVIDER)


@contextmanager
def provider_call() -> Iterator[None]:
    """Turn a provider's silence into Unavailable (`provider_unavailable`), for which jobs are retried."""
    try:
        yield
    except ProviderUnavailable as error:
        raise Unavailable(
            _("The payment provider does not answer. Try again."), code=PaymentsErrorCode.PROVIDER_UNAVAILABLE
        ) from error


@cache
def _instance(path: str) -> Provider:
    return cast(Provider, import_string(path)())
