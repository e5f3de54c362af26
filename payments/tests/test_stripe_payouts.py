"""Payouts, transfers and balances at Stripe."""

import pytest

from payments.models import Payout, Transfer
from payments.providers.base import ProviderRefused, ProviderUnavailable
from payments.tests.stripe_calls import captured

State = Payout.State


@pytest.fixture
def funded(stripe_server, stripe_provider, stripe_account):
    """Return an account with 807.50 on it."""
    captured(stripe_server, stripe_provider, stripe_account)
    return stripe_account


def pay_out(provider, account, amount, *, reference="payout-1"):
    return provider.create_payout(
        account, amount, "AED", reference=reference, key=f"payout:{reference}:create"
    )


def test_balance_is_what_can_be_sent_now(stripe_server, stripe_provider, stripe_account):
    assert stripe_provider.available_balance(stripe_account, "AED") == 0
    stripe_server.store.available_after = 7 * 86400
    captured(stripe_server, stripe_provider, stripe_account)
    assert stripe_provider.available_balance(stripe_account, "AED") == 0
    assert stripe_server.controls.balance(stripe_account) == [0, 80_750]


def test_balance_of_an_account_that_owes_is_below_zero(stripe_server, stripe_provider, stripe_account):
    stripe_server.controls.move(stripe_account, -500)
    assert stripe_provider.available_balance(stripe_account, "AED") == -500


def test_payout_is_on_its_way_then_paid(stripe_server, stripe_provider, funded):
    state = pay_out(stripe_provider, funded, 80_750)
    assert (state.state, state.amount, state.currency) == (State.ON_ITS_WAY, 80_750, "AED")
    assert (state.account, state.reference) == (funded, "payout-1")
    assert state.arrives_on is not None
    assert stripe_provider.available_balance(funded, "AED") == 0
    stripe_server.controls.send_payout(state.external_id)
    assert stripe_provider.fetch_payout(state.external_id, funded).state == State.ON_ITS_WAY
    stripe_server.controls.pay_payout(state.external_id)
    assert stripe_provider.fetch_payout(state.external_id, funded).state == State.PAID


def test_payout_that_the_bank_returns_after_it_was_paid_has_failed(stripe_server, stripe_provider, funded):
    state = pay_out(stripe_provider, funded, 80_750)
    stripe_server.controls.pay_payout(state.external_id)
    stripe_server.controls.return_payout(state.external_id)
    state = stripe_provider.fetch_payout(state.external_id, funded)
    assert (state.state, state.failure_code) == (State.FAILED, "account_closed")
    assert stripe_provider.available_balance(funded, "AED") == 80_750


def test_payout_of_more_than_the_account_can_send_is_refused(stripe_server, stripe_provider, funded):
    with pytest.raises(ProviderRefused) as refusal:
        pay_out(stripe_provider, funded, 80_751)
    assert refusal.value.code == "balance_insufficient"
    assert stripe_server.controls.objects("payout") == []


def test_refused_payout_stays_refused_under_its_key_and_works_under_another(
    stripe_server, stripe_provider, funded
):
    with pytest.raises(ProviderRefused):
        pay_out(stripe_provider, funded, 80_751)
    stripe_server.controls.move(funded, 1)
    with pytest.raises(ProviderRefused):
        pay_out(stripe_provider, funded, 80_751)
    state = stripe_provider.create_payout(funded, 80_751, "AED", reference="payout-1", key="again")
    assert state.state == State.ON_ITS_WAY


def test_payout_is_made_once_though_the_answer_was_lost_and_stripe_forgot_the_key(
    stripe_server, stripe_provider, funded
):
    stripe_server.controls.fault("answer_lost", path="/v1/payouts")
    with pytest.raises(ProviderUnavailable):
        pay_out(stripe_provider, funded, 40_000)
    stripe_server.controls.forget_idempotency_keys()
    state = pay_out(stripe_provider, funded, 40_000)
    assert [one["id"] for one in stripe_server.controls.objects("payout")] == [state.external_id]
    assert stripe_provider.available_balance(funded, "AED") == 40_750


# --- Transfers, where payments are charged on our account


@pytest.fixture
def separate(stripe_server, stripe_provider, stripe_account):
    return captured(stripe_server, stripe_provider, stripe_account, is_separate=True)


def transfer(provider, payment, *, amount=80_750):
    return provider.create_transfer(
        payment.external_id, payment.account, amount, "AED", reference="transfer-1", key="transfer"
    )


def test_transfer_sends_the_sellers_share_from_our_account_once(
    stripe_server, stripe_provider, stripe_account, separate
):
    state = transfer(stripe_provider, separate)
    assert (state.state, state.amount, state.account) == (Transfer.State.SUCCEEDED, 80_750, stripe_account)
    stripe_server.controls.forget_idempotency_keys()
    assert transfer(stripe_provider, separate) == state
    assert stripe_server.controls.balance(stripe_account) == [80_750, 0]


def test_transfer_of_more_than_was_charged_is_refused(stripe_provider, separate):
    with pytest.raises(ProviderRefused) as refusal:
        transfer(stripe_provider, separate, amount=85_001)
    assert refusal.value.code == "balance_insufficient"


def test_transfer_to_an_account_without_the_capability_is_refused(
    stripe_server, stripe_provider, stripe_account, separate
):
    stripe_server.controls.restrict(stripe_account, "transfers")
    with pytest.raises(ProviderRefused) as refusal:
        transfer(stripe_provider, separate)
    assert refusal.value.code == "insufficient_capabilities_for_transfer"


def test_part_of_a_transfer_is_taken_back_then_the_rest(
    stripe_server, stripe_provider, stripe_account, separate
):
    made = transfer(stripe_provider, separate)
    state = stripe_provider.reverse_transfer(made.external_id, 750, key="reverse-1")
    assert state.state == Transfer.State.SUCCEEDED
    state = stripe_provider.reverse_transfer(made.external_id, 80_000, key="reverse-2")
    assert state.state == Transfer.State.REVERSED
    assert stripe_provider.fetch_transfer(made.external_id) == state
    assert stripe_server.controls.balance(stripe_account) == [0, 0]


def test_refund_after_the_transfer_with_an_empty_balance_leaves_the_transfer(
    stripe_server, stripe_provider, stripe_account, separate
):
    made = transfer(stripe_provider, separate)
    pay_out(stripe_provider, stripe_account, 80_750)
    with pytest.raises(ProviderRefused) as refusal:
        stripe_provider.reverse_transfer(made.external_id, 80_750, key="reverse")
    assert refusal.value.code == "balance_insufficient"
    assert stripe_provider.fetch_transfer(made.external_id).state == Transfer.State.SUCCEEDED
