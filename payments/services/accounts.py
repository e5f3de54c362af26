"""Sellers' accounts at the card provider: beginning one, and the page on which a seller completes it."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from payments import access
from payments.error_codes import PaymentsErrorCode
from payments.models import SellerAccount
from payments.providers import provider, provider_call
from payments.providers.base import ProviderRefused
from payments.services.advance import advance_account
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict
from soukloop.core.jobs.queue import enqueue

PAGE = "account/payments"
"""The app's page that a seller comes back to, as notifications link to it."""


def begin_onboarding(*, actor: User) -> SellerAccount:
    """Record that a seller wants to be paid by card; a job makes the account, or asks for its state again.

    However often and from where it is called at once, a seller has one account. Raises Forbidden.
    """
    access.require_seller(actor)
    with transaction.atomic():
        row = SellerAccount(seller=actor, provider=settings.CARD_PROVIDER, created_at=database_now())
        SellerAccount.objects.bulk_create([row], ignore_conflicts=True)
        account = SellerAccount.objects.get(seller=actor, provider=settings.CARD_PROVIDER)
        enqueue("payments.refresh_account", account_id=str(account.pk))
    return account


def refresh_account(account_id: UUID) -> SellerAccount:
    """Make an account at its provider if it has none there, else ask for its state; outside transactions.

    Raises Unavailable, ProviderRefused.
    """
    account = SellerAccount.objects.select_related("seller").get(pk=account_id)
    its_provider = provider(account.provider)
    with provider_call():
        if account.external_id:
            told = its_provider.fetch_account(account.external_id)
        else:
            told = its_provider.create_account(
                reference=str(account.pk),
                email=account.seller.email or "",
                country=settings.SELLER_COUNTRY,
                key=f"account:{account.pk}:create",
            )
    return advance_account(account.pk, told)


def onboarding_link(*, actor: User) -> tuple[str, datetime]:
    """Return the address of the provider's page on which a seller completes their account, and until when.

    Begins the account where there is none. The provider is asked in the request, because the seller waits for
    the page, and so outside transactions. Raises Forbidden, Conflict (`payment_account_refused`) and
    Unavailable.
    """
    access.require_seller(actor)
    account = access.account_of(actor) or begin_onboarding(actor=actor)
    expires_at = database_now() + settings.ONBOARDING_LINK_EXPIRES_AFTER
    page = f"{settings.WEB_URL}/{PAGE}"
    try:
        if not account.external_id:
            account = refresh_account(account.pk)
        with provider_call():
            url = provider(account.provider).onboarding_url(
                account.external_id, return_url=page, refresh_url=f"{page}?link=expired"
            )
    except ProviderRefused as error:
        raise Conflict(
            _("The payment provider does not take this account. Ask our support."),
            code=PaymentsErrorCode.PAYMENT_ACCOUNT_REFUSED,
        ) from error
    return url, expires_at
