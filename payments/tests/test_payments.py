"""Payments: starting, capturing, cancelling, through a provider in memory that fails on demand."""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from accounts.tests.factories import make_seller, make_user
from payments.models import EntryLine, FeeBill, Payment, Payout, SavedCard
from payments.providers.base import ProviderRefused
from payments.serializers import payment_body
from payments.services import ledger, payments, polling
from payments.services.payouts import release
from payments.tests import flows
from payments.tests.factories import make_account, start_card_payment, start_in_person_payment
from payments.tests.memory_provider import MemoryProvider
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Unavailable
from soukloop.core.jobs.retries import is_temporary

Account = EntryLine.Account
Jobs = Callable[[], list[str]]
Told = list[tuple[str, str, str]]


def test_a_payment_goes_from_the_card_to_the_sellers_bank(
    memory: MemoryProvider, run_calls: Jobs, told: Told
) -> None:
    payment = start_card_payment()
    assert run_calls() == ["payments.create"]
    payment.refresh_from_db()
    memory.pay(payment.external_id)
    polling.refresh("payment", payment.pk)
    payments.capture_payment(payment_id=payment.pk)
    assert run_calls() == ["payments.capture"]
    payment.refresh_from_db()
    assert (payment.state, payment.client_secret) == ("captured", "")
    assert ledger.balance(Account.SELLER_PENDING, payment.payee) == -80_750
    release(payment=payment)
    assert run_calls() == ["payments.pay_out"]
    payout = Payout.objects.get()
    assert (payout.state, payout.amount) == ("on_its_way", 80_750)
    memory.settle_payout(payout.external_id, "paid")
    polling.refresh("payout", payout.pk)
    assert ledger.balance(Account.SELLER_ON_ITS_WAY, payment.payee) == 0
    assert ledger.balance(Account.SELLER_AVAILABLE, payment.payee) == 0
    assert told == [
        ("payment", "created", "requires_action"),
        ("payment", "requires_action", "authorised"),
        ("payment", "authorised", "captured"),
        ("payout", "", "requested"),
        ("payout", "requested", "on_its_way"),
        ("payout", "on_its_way", "paid"),
    ]


def test_a_sale_in_person_is_authorised_at_once_and_captured_by_the_hand_over(
    memory: MemoryProvider, run_calls: Jobs, told: Told
) -> None:
    payment = start_in_person_payment()
    assert (payment.state, payment.provider, payment.vat) == ("authorised", "in_person", 202)
    for _repeated in range(2):
        payment = payments.capture_in_person(payment=payment)
    assert payment.state == "captured"
    assert ledger.balance(Account.FEE_DEBT, payment.payee) == 4_250
    assert payments.cancel_payment(payment=payment).state == "captured"
    released = release(payment=payment)
    assert released.released_at is not None
    assert ledger.balance(Account.SELLER_AVAILABLE, payment.payee) == 0
    assert told == [("payment", "authorised", "captured")]
    assert (run_calls(), memory.memory.calls) == ([], {})


def test_a_sale_in_person_that_is_cancelled_costs_no_fee(memory: MemoryProvider, told: Told) -> None:
    payment = payments.cancel_payment(payment=start_in_person_payment())
    assert payment.state == "cancelled"
    with pytest.raises(Conflict) as refusal:
        payments.capture_in_person(payment=payment)
    assert refusal.value.code == "payment_not_authorised"
    assert ledger.balance(Account.FEE_DEBT, payment.payee) == 0
    assert told == [("payment", "authorised", "cancelled")]


def test_a_seller_without_an_enabled_account_can_not_be_paid_by_card(memory: MemoryProvider) -> None:
    for fields in ({"charges_enabled": False}, {"provider": "sandbox"}):
        seller = make_seller()
        make_account(seller, **{"provider": "memory"} | fields)
        with pytest.raises(Conflict) as refusal:
            start(seller)
        assert refusal.value.code == "seller_not_paid_by_card"
    assert not Payment.objects.exists()


def test_a_second_payment_for_the_same_waits_until_the_first_has_ended(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    seller = make_seller()
    make_account(seller, provider="memory")
    first = start(seller)
    with pytest.raises(Conflict) as refusal:
        start(seller, reference=first.reference)
    assert refusal.value.code == "payment_pending"
    payments.cancel_payment(payment=first)
    with pytest.raises(Conflict):  # the provider has not answered yet
        start(seller, reference=first.reference)
    run_calls()
    assert start(seller, reference=first.reference).state == "created"


def start(seller: Any, reference: Any = None) -> Payment:
    return payments.start_payment(
        reference=reference or uuid4(),
        payer=make_user(),
        payee=seller,
        amount=Decimal("850.00"),
        fee=Decimal("42.50"),
        method="card",
        description="A chair",
    )


def test_only_the_payer_reads_what_opens_the_providers_form_and_only_while_it_is_open(
    memory: MemoryProvider,
) -> None:
    payment = flows.requires_action(memory)
    assert payment.payee is not None
    assert "pa_1_secret" not in payment.client_secret  # encrypted
    body = payment_body(payment, payment.payer)
    assert (body["client_secret"], body["client_settings"]) == (
        "pa_1_secret",
        {"publishable_key": "pk_memory"},
    )
    assert (body["amount"], body["state"], body["failure_code"]) == (Decimal("850.00"), "requires_action", "")
    assert payment_body(payment, payment.payee)["client_secret"] is None
    given_up = payments.cancel_payment(payment=payment)
    assert payment_body(given_up, payment.payer)["client_secret"] is None
    payments.cancel_at_provider(payment.pk)
    payment.refresh_from_db()
    assert (payment.state, payment.client_secret) == ("cancelled", "")


def test_secrets_are_in_no_log_line(memory: MemoryProvider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    payment = flows.requires_action(memory)
    memory.change_payment(payment.external_id, amount=1)
    polling.refresh("payment", payment.pk)
    assert "differs" in caplog.text
    assert "secret" not in caplog.text.replace("client_secret", "")


# --- Refusals and silence of the provider


def test_a_refused_payment_fails_with_the_providers_code(memory: MemoryProvider, told: Told) -> None:
    payment = start_card_payment()
    memory.fail("create_payment", ProviderRefused("amount_too_small"))
    payments.create_at_provider(payment.pk)
    payment.refresh_from_db()
    assert (payment.state, payment.failure_code) == ("failed", "amount_too_small")
    assert payment.closed_at is not None
    assert told == [("payment", "created", "failed")]


@pytest.mark.parametrize("has_effect", [False, True])
def test_a_payment_without_an_answer_is_created_again_with_the_same_key(
    memory: MemoryProvider, *, has_effect: bool
) -> None:
    payment = start_card_payment()
    memory.fail("create_payment", has_effect=has_effect)
    with pytest.raises(Unavailable) as silence:
        payments.create_at_provider(payment.pk)
    assert silence.value.code == "provider_unavailable"
    assert is_temporary(silence.value)  # so that the job is repeated for a day
    for _repeated in range(2):
        payments.create_at_provider(payment.pk)
    payment.refresh_from_db()
    assert (payment.state, len(memory.memory.payments)) == ("requires_action", 1)


@pytest.mark.parametrize("has_effect", [False, True])
def test_a_capture_without_an_answer_is_repeated_with_the_same_key(
    memory: MemoryProvider, told: Told, *, has_effect: bool
) -> None:
    payment = flows.authorised(memory)
    payments.capture_payment(payment_id=payment.pk)
    memory.fail("capture_payment", has_effect=has_effect)
    with pytest.raises(Unavailable):
        payments.capture_at_provider(payment.pk)
    for _repeated in range(2):
        payments.capture_at_provider(payment.pk)
    payment.refresh_from_db()
    assert (payment.state, memory.memory.effects["capture_payment"]) == ("captured", 1)
    assert told[-1] == ("payment", "authorised", "captured")
    assert len(told) == 3


def test_a_refused_capture_fails_the_payment_and_frees_the_card(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = flows.authorised(memory)
    payments.capture_payment(payment_id=payment.pk)
    memory.fail("capture_payment", ProviderRefused("expired_card"))
    run_calls()
    payment.refresh_from_db()
    assert (payment.state, payment.failure_code) == ("failed", "expired_card")
    assert memory.memory.payments[payment.external_id].state == "cancelled"


def test_a_capture_that_is_refused_because_it_was_made_is_a_capture(memory: MemoryProvider) -> None:
    payment = flows.authorised(memory)
    payments.capture_payment(payment_id=payment.pk)
    memory.change_payment(payment.external_id, state="captured")
    payments.capture_at_provider(payment.pk)
    payment.refresh_from_db()
    assert payment.state == "captured"


def test_only_an_authorised_payment_is_captured_and_only_once(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = flows.requires_action(memory)
    for refused in (payment, start_in_person_payment()):
        with pytest.raises(Conflict) as refusal:
            payments.capture_payment(payment_id=refused.pk)
        assert refusal.value.code == "payment_not_authorised"
    payment = flows.authorised(memory)
    run_calls()
    for _repeated in range(2):
        payments.capture_payment(payment_id=payment.pk)
    assert run_calls() == ["payments.capture"]


def test_a_payer_reads_why_a_card_was_declined_and_tries_another(memory: MemoryProvider) -> None:
    payment = flows.requires_action(memory)
    memory.change_payment(payment.external_id, failure_code="insufficient_funds")
    polling.refresh("payment", payment.pk)
    payment.refresh_from_db()
    body = payment_body(payment, payment.payer)
    assert (body["state"], body["failure_code"]) == ("requires_action", "insufficient_funds")
    memory.change_payment(payment.external_id, state="authorised", failure_code="")
    polling.refresh("payment", payment.pk)
    payment.refresh_from_db()
    assert (payment.state, payment.failure_code) == ("authorised", "")


# --- Giving up


def test_a_payment_that_was_given_up_is_never_captured(memory: MemoryProvider, run_calls: Jobs) -> None:
    payment = flows.authorised(memory)
    payments.capture_payment(payment_id=payment.pk)
    payments.cancel_payment(payment=payment)
    assert payments.capture_payment(payment_id=payment.pk).state == "authorised"
    run_calls()
    payment.refresh_from_db()
    assert payment.state == "cancelled"
    assert memory.memory.calls["capture_payment"] == 0


def test_a_payment_that_was_captured_before_it_was_given_up_stays_captured(
    memory: MemoryProvider, run_calls: Jobs, told: Told
) -> None:
    payment = flows.authorised(memory)
    payments.capture_payment(payment_id=payment.pk)
    memory.fail("capture_payment", has_effect=True)
    with pytest.raises(Unavailable):
        payments.capture_at_provider(payment.pk)
    payments.cancel_payment(payment=payment)
    run_calls()
    payment.refresh_from_db()
    assert payment.state == "captured"
    assert told[-1] == ("payment", "authorised", "captured")


def test_a_payment_that_was_given_up_before_it_was_created_is_created_and_cancelled(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = start_card_payment()
    memory.fail("create_payment", has_effect=True)
    with pytest.raises(Unavailable):
        payments.create_at_provider(payment.pk)
    payments.cancel_payment(payment=payment)
    run_calls()
    payment.refresh_from_db()
    assert payment.state == "cancelled"
    assert [known.state for known in memory.memory.payments.values()] == ["cancelled"]


def test_a_card_that_is_entered_after_the_payment_was_given_up_is_freed(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = flows.requires_action(memory)
    run_calls()
    payments.cancel_payment(payment=payment)
    memory.pay(payment.external_id)
    polling.refresh("payment", payment.pk)  # a webhook that is faster than the job
    run_calls()
    payment.refresh_from_db()
    assert payment.state == "cancelled"
    assert memory.memory.payments[payment.external_id].state == "cancelled"


def test_a_failed_payment_can_not_be_paid_later_from_an_open_form(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = flows.requires_action(memory)
    memory.decline(payment.external_id)
    polling.refresh("payment", payment.pk)
    memory.pay(payment.external_id)  # with a second card, before the provider heard of it
    run_calls()
    payment.refresh_from_db()
    assert (payment.state, payment.failure_code) == ("failed", "card_declined")
    assert memory.memory.payments[payment.external_id].state == "cancelled"


# --- Bills of fees


def make_bill() -> tuple[FeeBill, SavedCard]:
    seller, now = make_seller(), database_now()
    card = SavedCard.objects.create(
        user=seller, provider="memory", external_customer_id="cus_1", external_id="card_1", created_at=now
    )
    bill = FeeBill.objects.create(
        seller=seller, month=now.date().replace(day=1), amount=4_250, due_at=now, created_at=now
    )
    return bill, card


def test_a_bill_is_charged_to_a_saved_card_on_our_account(memory: MemoryProvider, run_calls: Jobs) -> None:
    bill, card = make_bill()
    payment = payments.start_bill_payment(bill=bill, card=card)
    with pytest.raises(Conflict):
        payments.start_bill_payment(bill=bill, card=card)
    run_calls()
    payment.refresh_from_db()
    assert (payment.state, payment.fee, payment.payee) == ("captured", 0, None)
    assert memory.memory.payments[payment.external_id].account == ""
    assert ledger.balance(Account.FEE_DEBT, bill.seller) == -4_250


def test_a_declined_bill_can_be_charged_again(memory: MemoryProvider, run_calls: Jobs) -> None:
    bill, card = make_bill()
    memory.memory.declined_cards.add("card_1")
    payment = payments.start_bill_payment(bill=bill, card=card)
    run_calls()
    payment.refresh_from_db()
    assert (payment.state, payment.failure_code) == ("failed", "card_declined")
    memory.memory.declined_cards.clear()
    again = payments.start_bill_payment(bill=bill, card=card)
    run_calls()
    again.refresh_from_db()
    assert again.state == "captured"
