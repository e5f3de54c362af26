"""Payouts to sellers' banks, and transfers to their accounts where payments are charged on ours."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.tests.factories import make_seller, make_staff, make_user
from notifications.models import Notification
from payments.models import EntryLine, FinanceCase, Payment, Payout, SellerAccount, Transfer
from payments.providers.base import AccountState, ProviderRefused
from payments.services import advance, ledger, payouts, polling, transfers, webhooks
from payments.tests import flows
from payments.tests.factories import make_account
from payments.tests.memory_provider import MemoryProvider
from soukloop.core.errors import Conflict, Forbidden, Unavailable

Account = EntryLine.Account
Jobs = Callable[[], list[str]]
Told = list[tuple[str, str, str]]


def account_of(payment: Payment) -> SellerAccount:
    assert payment.account is not None
    return payment.account


def on_its_way(payment: Payment) -> int:
    return -ledger.balance(Account.SELLER_ON_ITS_WAY, payment.payee)


def available(payment: Payment) -> int:
    return payouts.available_to(account_of(payment))


def test_nothing_is_paid_out_before_it_is_released(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    payouts.pay_out(account_of(payment).pk)
    assert not Payout.objects.exists()


def test_a_payment_is_released_once_and_only_after_its_capture(memory: MemoryProvider) -> None:
    payment = flows.authorised(memory)
    with pytest.raises(Conflict) as refusal:
        payouts.release(payment=payment)
    assert refusal.value.code == "payment_not_captured"
    payment = flows.released(memory)
    at = payment.released_at
    assert payouts.release(payment=payment).released_at == at
    assert available(payment) == 80_750


def test_a_payout_takes_what_is_available_once(memory: MemoryProvider) -> None:
    payment = flows.released(memory)
    for _repeated in range(3):
        payouts.pay_out(account_of(payment).pk)
    payout = Payout.objects.get()
    assert (payout.amount, payout.state) == (80_750, "on_its_way")
    assert (available(payment), on_its_way(payment)) == (0, 80_750)


def test_a_payout_is_never_more_than_the_account_can_send(memory: MemoryProvider, run_calls: Jobs) -> None:
    payment = flows.released(memory)
    account = account_of(payment)
    memory.memory.balances[account.external_id] = 50_000
    payouts.pay_out(account.pk)
    assert [payout.amount for payout in Payout.objects.all()] == [50_000]
    assert available(payment) == 30_750
    memory.memory.balances[account.external_id] = 30_750
    run_calls()
    assert sum(payout.amount for payout in Payout.objects.all()) == 80_750


def test_a_payout_waits_while_the_account_has_nothing_to_send(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = flows.released(memory)
    memory.memory.balances.clear()
    run_calls()
    assert not Payout.objects.exists()
    memory.memory.balances[account_of(payment).external_id] = 80_750
    assert payouts.pay_out_waiting() == 1
    assert payouts.pay_out_waiting() == 0  # its job waits
    run_calls()
    assert Payout.objects.get().amount == 80_750


def test_small_amounts_wait_for_more(memory: MemoryProvider, run_calls: Jobs) -> None:
    payment = flows.released(memory, amount="10.00", fee="0.50")
    run_calls()
    assert not Payout.objects.exists()
    flows.released(memory, amount="10.00", fee="0.50", seller=payment.payee)
    run_calls()
    assert Payout.objects.get().amount == 1_900


def test_an_account_that_may_not_send_waits_until_it_may(memory: MemoryProvider, run_calls: Jobs) -> None:
    payment = flows.released(memory)
    account = account_of(payment)
    SellerAccount.objects.update(payouts_enabled=False)
    run_calls()
    assert (Payout.objects.count(), payouts.pay_out_waiting()) == (0, 0)
    advance.advance_account(account.pk, AccountState(account.external_id, True, True))
    run_calls()
    assert Payout.objects.get().amount == 80_750


@pytest.mark.parametrize("has_effect", [False, True])
def test_a_payout_without_an_answer_is_sent_once(memory: MemoryProvider, *, has_effect: bool) -> None:
    payment = flows.released(memory)
    memory.fail("create_payout", has_effect=has_effect)
    with pytest.raises(Unavailable):
        payouts.pay_out(account_of(payment).pk)
    assert (Payout.objects.get().state, on_its_way(payment)) == ("requested", 80_750)
    for _repeated in range(2):
        payouts.pay_out(account_of(payment).pk)
    assert Payout.objects.get().state == "on_its_way"
    assert [payout.amount for payout in memory.memory.payouts.values()] == [80_750]


def test_a_refused_payout_gives_the_money_back_and_waits_for_staff(
    memory: MemoryProvider, run_calls: Jobs, told: Told
) -> None:
    payment = flows.released(memory)
    memory.fail("create_payout", ProviderRefused("no_external_account"))
    run_calls()
    payout = Payout.objects.get()
    assert (payout.state, payout.failure_code) == ("failed", "no_external_account")
    assert (available(payment), on_its_way(payment)) == (80_750, 0)
    assert told[-1] == ("payout", "requested", "failed")
    assert FinanceCase.objects.get().kind == "payout_failed"
    payouts.pay_out(account_of(payment).pk)
    assert Payout.objects.count() == 1

    with pytest.raises(Forbidden):
        payouts.retry_payout(actor=make_user(), payout_id=payout.pk)
    payouts.retry_payout(actor=make_staff(), payout_id=payout.pk)
    run_calls()
    assert [row.state for row in Payout.objects.order_by("created_at")] == ["failed", "on_its_way"]
    for row in Payout.objects.all():
        with pytest.raises(Conflict) as refusal:
            payouts.retry_payout(actor=make_staff(), payout_id=row.pk)
        assert refusal.value.code == "payout_not_failed"
    run_calls()
    assert Payout.objects.count() == 2


def test_a_seller_is_told_that_a_payout_arrived_and_that_it_failed(memory: MemoryProvider) -> None:
    payout = flows.paid_out(memory)
    notifications = Notification.objects.filter(user=payout.seller)
    price = {"amount": "807.50", "currency": "AED"}
    assert list(notifications.values_list("kind", "params")) == [("payout_paid", {"price": price})]
    memory.settle_payout(payout.external_id, "failed", "account_closed")
    for _repeated in range(2):
        webhooks.handle_webhook(flows.webhook("payout", payout.external_id).pk)
    assert list(notifications.order_by("created_at").values_list("kind", flat=True)) == [
        *("payout_paid", "payout_failed")
    ]


def test_a_retry_that_runs_twice_sends_one_payout(memory: MemoryProvider) -> None:
    payment = flows.released(memory)
    account = account_of(payment)
    memory.fail("create_payout", ProviderRefused("no_external_account"))
    payouts.pay_out(account.pk)
    failed = Payout.objects.get()
    memory.fail("create_payout", ProviderRefused("no_external_account"))
    for _repeated in range(2):
        payouts.pay_out(account.pk, after_failure_of=failed.pk)
    assert [payout.state for payout in Payout.objects.all()] == ["failed", "failed"]


@pytest.mark.parametrize("state", ["on_its_way", "paid"])
def test_a_payout_that_the_bank_returns_is_available_again(
    memory: MemoryProvider, told: Told, state: str
) -> None:
    payout = flows.paid_out(memory) if state == "paid" else sent(memory)
    payment = Payment.objects.get()
    memory.settle_payout(payout.external_id, "failed", "account_closed")
    webhooks.handle_webhook(flows.webhook("payout", payout.external_id).pk)
    payout.refresh_from_db()
    assert (payout.state, payout.failure_code) == ("failed", "account_closed")
    assert (available(payment), on_its_way(payment)) == (80_750, 0)
    assert ledger.balance(Account.PROVIDER_CLEARING) == 85_000
    assert told[-1] == ("payout", state, "failed")
    assert FinanceCase.objects.get().kind == "payout_failed"


def sent(memory: MemoryProvider) -> Payout:
    payment = flows.released(memory)
    payouts.pay_out(account_of(payment).pk)
    return Payout.objects.get()


def test_new_bank_details_let_a_failed_payout_be_sent_again(memory: MemoryProvider, run_calls: Jobs) -> None:
    payout = flows.paid_out(memory)
    run_calls()
    memory.settle_payout(payout.external_id, "failed", "account_closed")
    polling.refresh("payout", payout.pk)
    account = payout.account
    memory.memory.balances[account.external_id] = 80_750
    for may_send in (False, True):
        advance.advance_account(account.pk, AccountState(account.external_id, True, may_send))
    run_calls()
    assert [row.state for row in Payout.objects.order_by("created_at")] == ["failed", "on_its_way"]


def test_a_payout_that_was_made_at_the_provider_opens_a_case(memory: MemoryProvider) -> None:
    account = make_account(provider="memory")
    memory.memory.balances[account.external_id] = 5_000
    told = memory.create_payout(account.external_id, 5_000, "AED", reference="", key="by hand")
    webhooks.handle_webhook(flows.webhook("payout", told.external_id).pk)
    assert (Payout.objects.count(), FinanceCase.objects.get().kind) == (0, "difference")


def test_an_account_that_is_not_complete_is_asked_about_once_a_day(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    told = memory.create_account(reference="x", email="x@example.com", country="AE", key="account:1")
    account = make_account(
        make_seller(),
        provider="memory",
        external_id=told.external_id,
        charges_enabled=False,
        payouts_enabled=False,
        checked_at=timezone.now() - timedelta(days=2),
    )
    memory.memory.accounts[told.external_id] = AccountState(told.external_id, True, True)
    assert [polling.poll_unsettled(), polling.poll_unsettled()] == [1, 0]
    run_calls()
    account.refresh_from_db()
    assert (account.charges_enabled, account.payouts_enabled) == (True, True)


# --- Transfers


def test_a_separate_charge_is_transferred_and_then_paid_out(
    memory: MemoryProvider, settings: Any, run_calls: Jobs
) -> None:
    transfer = flows.transferred(memory, settings)
    assert (transfer.state, transfer.amount) == ("requested", 80_750)
    run_calls()
    transfer.refresh_from_db()
    assert transfer.state == "succeeded"
    assert Payout.objects.get().amount == 80_750
    assert len(memory.memory.transfers) == 1


@pytest.mark.parametrize("has_effect", [False, True])
def test_a_transfer_without_an_answer_is_made_once(
    memory: MemoryProvider, settings: Any, *, has_effect: bool
) -> None:
    transfer = flows.transferred(memory, settings)
    memory.fail("create_transfer", has_effect=has_effect)
    with pytest.raises(Unavailable):
        transfers.transfer_at_provider(transfer.pk)
    for _repeated in range(2):
        transfers.transfer_at_provider(transfer.pk)
    transfer.refresh_from_db()
    assert (transfer.state, len(memory.memory.transfers)) == ("succeeded", 1)


def test_a_refused_transfer_is_tried_again_by_staff_with_a_new_key(
    memory: MemoryProvider, settings: Any
) -> None:
    transfer = flows.transferred(memory, settings)
    memory.fail("create_transfer", ProviderRefused("balance_insufficient"))
    transfers.transfer_at_provider(transfer.pk)
    transfer.refresh_from_db()
    assert (transfer.state, transfer.failure_code) == ("failed", "balance_insufficient")
    assert FinanceCase.objects.get().kind == "transfer_failed"
    transfers.transfer_at_provider(transfer.pk)
    assert not memory.memory.transfers
    with pytest.raises(Forbidden):
        transfers.retry_transfer(actor=make_user(), transfer_id=transfer.pk)
    transfers.retry_transfer(actor=make_staff(), transfer_id=transfer.pk)
    transfers.transfer_at_provider(transfer.pk)
    transfer.refresh_from_db()
    assert (transfer.state, transfer.attempt) == ("succeeded", 2)
    with pytest.raises(Conflict) as refusal:
        transfers.retry_transfer(actor=make_staff(), transfer_id=transfer.pk)
    assert refusal.value.code == "transfer_not_failed"


def test_a_refund_after_the_transfer_takes_the_sellers_part_back(
    memory: MemoryProvider, settings: Any, run_calls: Jobs
) -> None:
    transfer = flows.transferred(memory, settings)
    transfers.transfer_at_provider(transfer.pk)
    payment = transfer.payment
    flows.refunded(memory, payment, "425.00")
    run_calls()
    transfer.refresh_from_db()
    (external_id,) = memory.memory.transfers
    assert (transfer.state, memory.memory.reversed[external_id]) == ("succeeded", 40_375)
    flows.refunded(memory, payment, "425.00")
    run_calls()
    transfer.refresh_from_db()
    assert (transfer.state, memory.memory.reversed[external_id]) == ("reversed", 80_750)


def test_a_reversal_from_an_empty_account_opens_a_case(memory: MemoryProvider, settings: Any) -> None:
    transfer = flows.transferred(memory, settings)
    transfers.transfer_at_provider(transfer.pk)
    refund = flows.refunded(memory, transfer.payment)
    memory.fail("reverse_transfer", ProviderRefused("balance_insufficient"))
    transfers.reverse_for_refund(refund.pk)
    assert FinanceCase.objects.get().kind == "transfer_failed"
    assert available(transfer.payment) == 0


def test_what_was_refunded_before_the_release_is_not_transferred(
    memory: MemoryProvider, settings: Any
) -> None:
    settings.STRIPE_CHARGES = "separate"
    payment = flows.captured(memory)
    flows.refunded(memory, payment, "425.00")
    payouts.release(payment=payment)
    assert Transfer.objects.get().amount == 40_375
    whole = flows.captured(memory)
    flows.refunded(memory, whole)
    payouts.release(payment=whole)
    assert Transfer.objects.count() == 1


def test_a_lost_chargeback_takes_the_transfer_back(
    memory: MemoryProvider, settings: Any, run_calls: Jobs
) -> None:
    transfer = flows.transferred(memory, settings)
    transfers.transfer_at_provider(transfer.pk)
    external_id = memory.charge_back(transfer.payment.external_id, 85_000, "lost")
    webhooks.handle_webhook(flows.webhook("chargeback", external_id).pk)
    run_calls()
    transfer.refresh_from_db()
    assert transfer.state == "reversed"
