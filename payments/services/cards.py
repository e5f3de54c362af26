"""The card that a seller saves at the provider for the monthly bill of fees."""

import logging
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from payments import access
from payments.error_codes import PaymentsErrorCode
from payments.models import SavedCard
from payments.providers import provider, provider_call
from payments.providers.base import CardSetupState, ProviderRefused
from payments.services.advance import advance_card_setup
from payments.services.advance.accounts import CARD_SETUP
from soukloop.core.db.clock import database_now
from soukloop.core.encryption import encrypt
from soukloop.core.errors import Conflict, NotFound
from soukloop.core.jobs.queue import enqueue

logger = logging.getLogger(__name__)


def begin_card_setup(*, actor: User) -> tuple[SavedCard, str]:
    """Open the provider's form that saves a card; return the row and the form's secret.

    A card that is saved already stays until another has taken its place. Two calls at once open one form. The
    provider is asked in the request, outside transactions. Raises Forbidden, Conflict (`card_form_refused`),
    Unavailable.
    """
    access.require_seller(actor)
    card = _row_of(actor)
    try:
        told = _open_form(card)
        if not told:
            told = _new_form(card, actor)
    except ProviderRefused as error:
        raise Conflict(
            _("The payment provider opens no form for a card now. Try again later."),
            code=PaymentsErrorCode.CARD_FORM_REFUSED,
        ) from error
    return _keep_form(card.pk, card.external_setup_id, told), told.client_secret


def remove_card(*, actor: User) -> None:
    """Forget a saved card, as the provider does by a job; bills of fees then wait for another one.

    Raises NotFound.
    """
    with transaction.atomic():
        card = access.lock_card_of(actor)
        if card is None or not card.external_id:
            raise NotFound(_("You have no saved card."))
        enqueue(
            "payments.remove_card",
            provider_name=card.provider,
            customer=card.external_customer_id,
            card=card.external_id,
        )
        card.delete()


def remove_at_provider(provider_name: str, customer: str, card: str) -> None:
    """Let the provider forget a card whose row is deleted; called by a job. Raises Unavailable."""
    try:
        with provider_call():
            provider(provider_name).remove_card(customer, card, key=f"card:{card}:remove")
    except ProviderRefused as refusal:
        logger.error("%s does not remove card %s: %s", provider_name, card, refusal.code)


def _row_of(actor: User) -> SavedCard:
    row = SavedCard(user=actor, provider=settings.CARD_PROVIDER, created_at=database_now())
    SavedCard.objects.bulk_create([row], ignore_conflicts=True)
    return SavedCard.objects.get(user=actor, provider=settings.CARD_PROVIDER)


def _open_form(card: SavedCard) -> CardSetupState | None:
    """Return the form that was opened before, if it still waits for a card."""
    if not card.client_secret:
        return None
    with provider_call():
        told = provider(card.provider).fetch_card_setup(card.external_setup_id)
    if told.card:
        advance_card_setup(card.pk, told)
        return None
    return told if told.client_secret else None


def _new_form(card: SavedCard, actor: User) -> CardSetupState:
    with provider_call():
        return provider(card.provider).create_card_setup(
            customer=card.external_customer_id,
            reference=str(card.pk),
            email=actor.email or "",
            key=f"card:{card.pk}:setup-after:{card.external_setup_id}",
        )


def _keep_form(card_id: UUID, previous: str, told: CardSetupState) -> SavedCard:
    """Write which form is open, unless another request has opened one meanwhile."""
    with transaction.atomic():
        card = SavedCard.objects.select_for_update(no_key=True).get(pk=card_id)
        if card.external_setup_id == previous and told.client_secret:
            card.external_setup_id, card.external_customer_id = told.external_id, told.customer
            card.client_secret = encrypt(told.client_secret, purpose=CARD_SETUP)
            card.save(update_fields=["external_setup_id", "external_customer_id", "client_secret"])
        return card
