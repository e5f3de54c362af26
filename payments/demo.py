"""Demo accounts at the sandbox: one seller can be paid by card, another has not answered everything yet."""

from collections.abc import Sequence

from django.conf import settings

from accounts.demo import NEIGHBOURS, SELLER
from accounts.models import User
from payments.models import SellerAccount
from payments.providers.sandbox import accounts as sandbox
from payments.services.accounts import begin_onboarding, refresh_account

UNFINISHED = NEIGHBOURS[0]


def seed() -> Sequence[str]:
    """Create the demo accounts that are missing, and return what to try."""
    if settings.CARD_PROVIDER != "sandbox":
        return ()
    ready, unfinished = (User.objects.filter(email=person.email).first() for person in (SELLER, UNFINISHED))
    if ready is None or unfinished is None:
        return ()
    if account := _begin(ready):
        sandbox.complete_account(account.external_id)
        refresh_account(account.pk)
    if account := _begin(unfinished):
        sandbox.save_details(account.external_id, business_type="freelancer", name=UNFINISHED.full_name)
        refresh_account(account.pk)
    return (
        f"Test payments: {SELLER.username} can be paid by test cards; {UNFINISHED.username} has questions of"
        " the provider open (docs/payments.md)",
    )


def _begin(seller: User) -> SellerAccount | None:
    """Return a new account at the sandbox, or None if the seller has one."""
    if SellerAccount.objects.filter(seller=seller, provider="sandbox").exists():
        return None
    return refresh_account(begin_onboarding(actor=seller).pk)
