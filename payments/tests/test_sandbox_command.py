"""`manage.py sandbox` does what banks do, and the demo has a seller who can be paid by card."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.demo import SELLER, seed_people
from payments import demo
from payments.models import SandboxAccount, SandboxOperation, SellerAccount
from payments.providers.sandbox import accounts, operations, payments
from payments.tests.provider_contract import request_for

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("sandbox", *arguments, stdout=output)
    return output.getvalue().strip()


@pytest.fixture
def account() -> SandboxAccount:
    account = accounts.create_account(reference="s", email="s@example.com", country="AE", key="account")
    return accounts.complete_account(account.pk)


def captured(account: SandboxAccount) -> Any:
    payment = payments.create_payment(request_for(account.pk))
    payments.confirm_payment(payment.client_secret, "success")
    return payments.capture_payment(payment.pk, account.pk)


def test_a_payment_is_charged_back_and_won(account: SandboxAccount) -> None:
    payment = captured(account)
    assert run("charge-back", payment.reference).endswith(" is open.")
    chargeback = SandboxOperation.objects.get(kind="chargeback")
    assert run("close-chargeback", chargeback.pk, "--won") == f"{chargeback.pk} is won."
    assert operations.available_balance(account.pk, "AED") == 80_750


def test_refunds_fail_and_payouts_are_returned(account: SandboxAccount) -> None:
    payment = captured(account)
    refund = operations.create_refund(payment.pk, account.pk, 1_000, fee=50, reference="r", key="r")
    payout = operations.create_payout(account.pk, 1_000, "AED", reference="p", key="p")
    assert run("fail-refund", refund.pk) == f"{refund.pk} is failed."
    assert run("return-payout", payout.pk) == f"{payout.pk} is failed."
    assert operations.available_balance(account.pk, "AED") == 80_750
    listed = run("list")
    assert all(each.pk in listed for each in (account, payment, refund, payout))


def test_a_seller_is_asked_again_and_answers(account: SandboxAccount) -> None:
    assert run("ask-seller", account.pk) == f"{account.pk} is incomplete."
    assert run("complete-account", account.pk) == f"{account.pk} is ready."


def test_what_is_not_there_or_not_allowed_is_refused(settings: Any) -> None:
    assert run("list") == "There is nothing in the sandbox."
    with pytest.raises(CommandError, match="resource_missing"):
        run("return-payout", "po_unknown")
    settings.SANDBOX_PAYMENTS_ALLOWED = False
    with pytest.raises(CommandError, match="not allowed"):
        run("list")


def test_the_demo_has_one_seller_who_can_be_paid_by_card_and_one_who_is_asked() -> None:
    seed_people()
    for _ in range(2):
        [hint] = demo.seed()
        assert SELLER.username in hint
    ready, unfinished = SellerAccount.objects.order_by("created_at")
    assert (ready.seller.email, ready.charges_enabled, ready.requirements) == (SELLER.email, True, [])
    assert (unfinished.charges_enabled, len(unfinished.requirements)) == (False, 3)
    assert SandboxAccount.objects.count() == 2


def test_there_are_no_demo_accounts_at_a_real_provider(settings: Any) -> None:
    settings.CARD_PROVIDER = "stripe"
    seed_people()
    assert demo.seed() == ()
    assert not SellerAccount.objects.exists()
