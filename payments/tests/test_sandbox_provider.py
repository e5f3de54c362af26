"""The sandbox does what a card provider must do."""

import json
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.test import APIClient

from payments.models import SandboxCardSetup, SandboxMovement, SandboxPayment, WebhookEvent
from payments.providers.base import InvalidWebhook, PaymentState, Provider, ProviderRefused
from payments.providers.sandbox import SandboxProvider, accounts, operations, payments, webhooks
from payments.tests.provider_contract import CURRENCY, ProviderContract, request_for
from soukloop.core.errors import NotFound

pytestmark = pytest.mark.django_db
IBAN = "AE070331234567890123456"


class SandboxCounterpart:
    """People and banks in the sandbox."""

    def __init__(self) -> None:
        self.provider: Provider = SandboxProvider()

    def complete_account(self, account: str) -> None:
        accounts.save_details(
            account,
            business_type="company",
            name="Sami Trading LLC",
            licence_number="CN-1234567",
            iban=IBAN,
            accepts_terms=True,
        )

    def pay(self, payment: PaymentState, card: str) -> None:
        payments.confirm_payment(payment.client_secret, card)

    def pass_challenge(self, payment: PaymentState, *, is_passed: bool) -> None:
        payments.answer_challenge(payment.client_secret, is_passed=is_passed)

    def save_card(self, setup: str, card: str) -> None:
        accounts.save_card(SandboxCardSetup.objects.get(pk=setup).client_secret, card)

    def fail_refund(self, refund: str, account: str) -> None:
        operations.fail_refund(refund)

    def open_chargeback(self, payment: str, account: str) -> str:
        return str(operations.open_chargeback(payment).pk)

    def close_chargeback(self, chargeback: str, account: str, *, is_won: bool) -> None:
        operations.close_chargeback(chargeback, is_won=is_won)

    def pay_out(self, payout: str, account: str) -> None:
        operations.finish_payout(payout)

    def return_payout(self, payout: str, account: str) -> None:
        operations.return_payout(payout)


@pytest.fixture
def counterpart() -> SandboxCounterpart:
    return SandboxCounterpart()


class TestSandbox(ProviderContract):
    """The contract that all providers keep."""


@pytest.fixture
def account(counterpart: SandboxCounterpart) -> str:
    account = counterpart.provider.create_account(
        reference="seller", email="s@example.com", country="AE", key="account"
    ).external_id
    counterpart.complete_account(account)
    return account


def test_an_account_with_open_requirements_is_not_charged(counterpart: SandboxCounterpart) -> None:
    account = counterpart.provider.create_account(
        reference="seller", email="s@example.com", country="AE", key="account"
    ).external_id
    with pytest.raises(ProviderRefused):
        counterpart.provider.create_payment(request_for(account))
    assert not SandboxPayment.objects.exists()


def test_what_is_invalid_in_the_form_of_a_seller_stays_a_requirement() -> None:
    account = accounts.create_account(reference="s", email="s@example.com", country="AE", key="a")
    saved = accounts.save_details(
        account.pk, business_type="bank", name="  ", licence_number="?", iban="AE080331234567890123456"
    )
    assert saved.requirements == accounts.REQUIREMENTS
    saved = accounts.save_details(account.pk, business_type="freelancer", iban=IBAN)
    assert saved.requirements == [accounts.NAME, accounts.LICENCE, accounts.TERMS]
    assert (saved.business_type, saved.bank_last4) == ("freelancer", "3456")


def test_requirements_that_open_again_close_the_account_for_cards(
    counterpart: SandboxCounterpart, account: str
) -> None:
    accounts.ask_again(account)
    state = counterpart.provider.fetch_account(account)
    assert (state.charges_enabled, state.requirements) == (False, [accounts.LICENCE])


def test_the_card_that_is_charged_back_takes_the_money_back_by_a_job(
    counterpart: SandboxCounterpart, account: str
) -> None:
    payment = counterpart.provider.create_payment(request_for(account))
    counterpart.pay(payment, "charged_back")
    counterpart.provider.capture_payment(payment.external_id, account, key="capture")
    for _ in range(2):
        chargeback = operations.open_chargeback(payment.external_id)
    assert chargeback.amount == payment.amount
    assert counterpart.provider.available_balance(account, CURRENCY) == -4_250
    job = ProcrastinateJob.objects.get(task_name="payments.open_sandbox_chargeback")
    assert job.args["payment_id"] == payment.external_id


def test_the_sandbox_keeps_its_fee_from_the_platform(counterpart: SandboxCounterpart, account: str) -> None:
    payment = counterpart.provider.create_payment(request_for(account, 10_000))
    counterpart.pay(payment, "success")
    counterpart.provider.capture_payment(payment.external_id, account, key="capture")
    own = SandboxMovement.objects.filter(account="").values_list("kind", "amount").order_by("kind")
    assert list(own) == [("fee", -390), ("transfer", 500)]


def test_a_transfer_is_taken_back_in_parts(counterpart: SandboxCounterpart, account: str) -> None:
    provider = counterpart.provider
    payment = provider.create_payment(request_for("", 10_000, fee=0))
    counterpart.pay(payment, "success")
    provider.capture_payment(payment.external_id, "", key="capture")
    transfer = provider.create_transfer(payment.external_id, account, 9_500, "AED", reference="t", key="t")
    for _ in range(2):
        assert provider.reverse_transfer(transfer.external_id, 4_000, key="first").state == "succeeded"
    assert provider.available_balance(account, CURRENCY) == 5_500
    with pytest.raises(ProviderRefused):
        provider.reverse_transfer(transfer.external_id, 5_501, key="too much")
    assert provider.reverse_transfer(transfer.external_id, 5_500, key="rest").state == "reversed"
    assert provider.available_balance(account, CURRENCY) == 0


@pytest.mark.parametrize("allowed", [False, True])
def test_the_sandbox_is_refused_in_production_unless_it_is_allowed(settings: Any, allowed: bool) -> None:
    settings.DEBUG, settings.SANDBOX_PAYMENTS_ALLOWED = False, allowed
    if allowed:
        assert SandboxProvider().name == "sandbox"
    else:
        with pytest.raises(NotFound):
            SandboxProvider()


def test_the_address_of_webhooks_takes_signed_ones_once_and_refuses_forged_ones() -> None:
    client, path = APIClient(), "/api/v1/payments/webhooks/sandbox"

    def send(headers: dict[str, str]) -> int:
        answer = client.generic("POST", path, BODY.decode(), content_type="application/json", headers=headers)
        return int(answer.status_code)

    assert [send({"Sandbox-Signature": "t=1,v1=0"}), send({})] == [400, 400]
    assert not WebhookEvent.objects.exists()
    signature = {"Sandbox-Signature": webhooks.signed_headers(BODY)["Sandbox-Signature"]}
    assert [send(signature), send(signature)] == [200, 200]
    assert WebhookEvent.objects.get().event_id == "evt_1"


BODY = json.dumps(
    {"id": "evt_1", "type": "payment.captured", "subject": "payment", "object": "pay_1", "account": "acct_1"}
).encode()


def test_a_signed_webhook_says_what_to_ask_about() -> None:
    event = webhooks.read_webhook(BODY, webhooks.signed_headers(BODY))
    assert (event.event_id, event.kind, event.subject) == ("evt_1", "payment.captured", "payment")
    assert (event.object_id, event.account) == ("pay_1", "acct_1")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (BODY, {"Sandbox-Signature": "t=1,v1=00"}),
        (BODY, {"Sandbox-Signature": "t=²,v1=é"}),
        (BODY + b" ", webhooks.signed_headers(BODY)),
        (BODY, webhooks.signed_headers(BODY, at=1_600_000_000)),
        (b"[]", webhooks.signed_headers(b"[]")),
        (b"{}", webhooks.signed_headers(b"{}")),
        (b"\xff", webhooks.signed_headers(b"\xff")),
    ],
    ids=["none", "forged", "odd", "changed", "old", "list", "empty", "bytes"],
)
def test_a_forged_changed_or_old_webhook_is_refused(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidWebhook):
        webhooks.read_webhook(body, headers)
