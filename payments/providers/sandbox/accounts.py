"""Sellers' accounts and saved cards in the sandbox."""

import re
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from payments.error_codes import PaymentsErrorCode
from payments.models import SandboxAccount, SandboxCardSetup
from payments.providers.base import ProviderRefused
from payments.providers.sandbox.records import create_once, missing, new_client_secret, new_id
from payments.providers.sandbox.webhooks import announce
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, NotFound

# Named as Stripe names them, so that apps show the same texts.
BUSINESS_TYPE = "business_type"
NAME = "company.name"
LICENCE = "company.registration_number"
BANK_ACCOUNT = "external_account"
TERMS = "tos_acceptance.date"
REQUIREMENTS = [BUSINESS_TYPE, NAME, LICENCE, BANK_ACCOUNT, TERMS]
BUSINESS_TYPES = ("company", "freelancer")
# What the form shows at first, so that nobody types data of their own. The IBAN is the registry's example.
INVENTED = {
    "business_type": "company",
    "name": "Sami Trading LLC",
    "licence_number": "CN-1234567",
    "iban": "AE07 0331 2345 6789 0123 456",
}

_IBAN = re.compile(r"AE[0-9]{21}")
_LICENCE = re.compile(r"[A-Z0-9][A-Z0-9/-]{3,39}")
_LINK_SALT = "payments.sandbox.onboarding"


@transaction.atomic
def create_account(*, reference: str, email: str, country: str, key: str) -> SandboxAccount:
    row = SandboxAccount(
        id=new_id("acct"),
        key=key,
        reference=reference,
        email=email,
        country=country,
        requirements=REQUIREMENTS,
        created_at=database_now(),
    )
    account, is_new = create_once(row, same=("reference",))
    if is_new:
        announce("account.updated", "account", account.pk, account.pk)
    return account


def fetch_account(account_id: str) -> SandboxAccount:
    """Return an account. Raises ProviderRefused."""
    account = SandboxAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise missing(account_id)
    return account


def onboarding_token(account_id: str, *, return_url: str, refresh_url: str) -> str:
    """Return what opens the onboarding page of an account for some minutes."""
    fetch_account(account_id)
    link = {"account": account_id, "return": return_url, "refresh": refresh_url}
    return signing.dumps(link, salt=_LINK_SALT, compress=True)


def read_onboarding_token(token: str) -> tuple[SandboxAccount | None, dict[str, Any]]:
    """Return the account (None if the link has expired) and the link. Raises NotFound for a forged one."""
    try:
        link: dict[str, Any] = signing.loads(token, salt=_LINK_SALT)
        account = fetch_account(link["account"])
    except (signing.BadSignature, ProviderRefused) as error:
        raise NotFound from error
    try:
        signing.loads(token, salt=_LINK_SALT, max_age=settings.ONBOARDING_LINK_EXPIRES_AFTER)
    except signing.SignatureExpired:
        return None, link
    return account, link


@transaction.atomic
def save_details(
    account_id: str,
    *,
    business_type: str = "",
    name: str = "",
    licence_number: str = "",
    iban: str = "",
    accepts_terms: bool = False,
) -> SandboxAccount:
    """Keep what of this is valid; the rest stays a requirement. Of an IBAN only its end is kept."""
    account = SandboxAccount.objects.select_for_update().get(pk=account_id)
    done = set()
    if business_type in BUSINESS_TYPES:
        account.business_type = business_type
        done.add(BUSINESS_TYPE)
    if name := name.strip()[:120]:
        account.legal_name = name
        done.add(NAME)
    if _LICENCE.fullmatch(licence := licence_number.strip().upper()):
        account.licence_number = licence
        done.add(LICENCE)
    if is_iban(iban):
        account.bank_last4 = iban.strip()[-4:]
        done.add(BANK_ACCOUNT)
    if accepts_terms:
        done.add(TERMS)
    _set_requirements(account, [each for each in account.requirements if each not in done])
    return account


def complete_account(account_id: str) -> SandboxAccount:
    """Give all that the sandbox asks of a seller, with invented data."""
    return save_details(account_id, **INVENTED, accepts_terms=True)


@transaction.atomic
def ask_again(account_id: str) -> SandboxAccount:
    """Let the sandbox ask for the licence again, as providers do when one has expired."""
    fetch_account(account_id)
    account = SandboxAccount.objects.select_for_update().get(pk=account_id)
    if LICENCE not in account.requirements:
        _set_requirements(account, [*account.requirements, LICENCE])
    return account


def is_iban(text: str) -> bool:
    """Return whether this is an account number of the Emirates with the right check digits (ISO 13616)."""
    text = re.sub(r"\s", "", text).upper()
    if not _IBAN.fullmatch(text):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def _set_requirements(account: SandboxAccount, requirements: list[str]) -> None:
    has_changed = requirements != account.requirements
    account.requirements = requirements
    account.save()
    if has_changed:
        announce("account.updated", "account", account.pk, account.pk)


@transaction.atomic
def create_card_setup(*, customer: str, reference: str, email: str, key: str) -> SandboxCardSetup:
    setup_id = new_id("seti")
    row = SandboxCardSetup(
        id=setup_id,
        key=key,
        client_secret=new_client_secret(setup_id),
        customer=customer or new_id("cus"),
        reference=reference,
        email=email,
        created_at=database_now(),
    )
    setup, _ = create_once(row, same=("reference",))
    return setup


def fetch_card_setup(setup_id: str) -> SandboxCardSetup:
    """Return the page on which a card is saved. Raises ProviderRefused."""
    setup = SandboxCardSetup.objects.filter(pk=setup_id).first()
    if setup is None:
        raise missing(setup_id)
    return setup


def setup_of_page(client_secret: str) -> SandboxCardSetup:
    """Return the setup whose page this is; raises NotFound."""
    setup = SandboxCardSetup.objects.filter(client_secret=client_secret).first()
    if setup is None:
        raise NotFound
    return setup


def is_setup_expired(setup: SandboxCardSetup) -> bool:
    return not setup.card and setup.created_at + settings.SANDBOX_PAGE_EXPIRES_AFTER <= database_now()


@transaction.atomic
def save_card(client_secret: str, test_card: str) -> SandboxCardSetup:
    """Save a test card; the same one again changes nothing. Raises NotFound, and Conflict for another."""
    setup_of_page(client_secret)
    setup = SandboxCardSetup.objects.select_for_update().get(client_secret=client_secret)
    if is_setup_expired(setup):
        raise Conflict(_("This page has expired."), code=PaymentsErrorCode.SANDBOX_PAGE_CLOSED)
    if setup.card:
        if setup.test_card == test_card:
            return setup
        raise Conflict(_("A card was saved on this page before."), code=PaymentsErrorCode.SANDBOX_PAGE_CLOSED)
    setup.card, setup.test_card = new_id("pm"), test_card
    setup.save(update_fields=["card", "test_card"])
    announce("card_setup.succeeded", "card_setup", setup.pk)
    return setup


def remove_card(customer: str, card: str) -> None:
    """Forget a saved card, with the page on which it was saved."""
    SandboxCardSetup.objects.filter(customer=customer, card=card).exclude(card="").delete()
