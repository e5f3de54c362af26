"""Refunds, chargebacks and our share of them at Stripe."""

import pytest

from payments.models import Chargeback, Refund
from payments.providers.base import ProviderRefused, ProviderUnavailable
from payments.tests.stripe_calls import captured

State = Refund.State


@pytest.fixture
def paid(stripe_server, stripe_provider, stripe_account):
    return captured(stripe_server, stripe_provider, stripe_account)


def refund(provider, payment, amount, *, fee, reference="refund-1"):
    return provider.create_refund(
        payment.external_id,
        payment.account,
        amount,
        fee=fee,
        reference=reference,
        key=f"refund:{reference}:create",
    )


def test_refund_in_full_takes_the_sellers_share_from_them_and_ours_from_us(
    stripe_server, stripe_provider, paid
):
    ours_before = stripe_server.controls.balance()[0]
    state = refund(stripe_provider, paid, 85_000, fee=4_250)
    assert (state.state, state.amount, state.currency) == (State.SUCCEEDED, 85_000, "AED")
    assert (state.payment, state.reference) == (paid.external_id, "refund-1")
    assert stripe_server.controls.balance(paid.account) == [0, 0]
    assert stripe_server.controls.balance()[0] == ours_before - 4_250
    again = refund(stripe_provider, paid, 85_000, fee=4_250)
    assert again == state
    assert len(stripe_server.controls.objects("fee_refund")) == 1


def test_parts_of_our_share_go_back_exactly_as_our_books_say(stripe_server, stripe_provider, paid):
    ours_before = stripe_server.controls.balance()[0]
    parts = [(33_333, 1_667), (33_333, 1_666), (18_334, 917)]  # each rounded on what was left
    for number, (amount, fee) in enumerate(parts):
        refund(stripe_provider, paid, amount, fee=fee, reference=f"refund-{number}")
    assert stripe_server.controls.balance(paid.account) == [0, 0]
    assert stripe_server.controls.balance()[0] == ours_before - 4_250


def test_refund_without_our_share_leaves_it(stripe_server, stripe_provider, paid):
    ours_before = stripe_server.controls.balance()[0]
    refund(stripe_provider, paid, 10_000, fee=0)
    assert stripe_server.controls.balance()[0] == ours_before
    assert stripe_server.controls.objects("fee_refund") == []


def test_more_than_what_is_left_is_refused_and_changes_nothing(stripe_server, stripe_provider, paid):
    refund(stripe_provider, paid, 80_000, fee=4_000)
    before = stripe_server.controls.balance(paid.account)
    with pytest.raises(ProviderRefused):
        refund(stripe_provider, paid, 5_001, fee=250, reference="refund-2")
    assert stripe_server.controls.balance(paid.account) == before
    assert len(stripe_server.controls.objects("fee_refund")) == 1


def test_refund_is_made_once_though_the_answer_was_lost_and_stripe_forgot_the_key(
    stripe_server, stripe_provider, paid
):
    stripe_server.controls.fault("answer_lost", path="/v1/refunds")
    with pytest.raises(ProviderUnavailable):
        refund(stripe_provider, paid, 10_000, fee=500)
    stripe_server.controls.forget_idempotency_keys()
    state = refund(stripe_provider, paid, 10_000, fee=500)
    assert state.state == State.SUCCEEDED
    assert [one["id"] for one in stripe_server.controls.objects("refund")] == [state.external_id]
    assert [one["amount"] for one in stripe_server.controls.objects("fee_refund")] == [500]


def test_our_share_goes_back_later_if_stripe_failed_between_the_two_calls(
    stripe_server, stripe_provider, paid
):
    stripe_server.controls.fault("server_error", path="/v1/application_fees")
    with pytest.raises(ProviderUnavailable):
        refund(stripe_provider, paid, 10_000, fee=500)
    assert stripe_server.controls.objects("fee_refund") == []
    for _ in range(2):
        refund(stripe_provider, paid, 10_000, fee=500)
    assert [one["amount"] for one in stripe_server.controls.objects("fee_refund")] == [500]
    assert len(stripe_server.controls.objects("refund")) == 1


def test_refund_with_an_empty_balance_waits_for_money(stripe_server, stripe_provider, stripe_account, paid):
    stripe_provider.create_payout(stripe_account, 80_750, "AED", reference="payout-1", key="payout")
    state = refund(stripe_provider, paid, 85_000, fee=4_250)
    assert state.state == State.PENDING
    stripe_server.controls.move(stripe_account, 80_750)
    assert stripe_provider.fetch_refund(state.external_id, stripe_account).state == State.SUCCEEDED


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_pendingRefund"])
def test_refund_can_come_back_before_and_after_it_succeeded(
    stripe_server, stripe_provider, stripe_account, card
):
    paid = captured(stripe_server, stripe_provider, stripe_account, card=card)
    before = stripe_server.controls.balance(stripe_account)[0]
    state = refund(stripe_provider, paid, 10_000, fee=0)
    assert state.state == (State.SUCCEEDED if card == "pm_card_visa" else State.PENDING)
    stripe_server.controls.fail_refund(state.external_id)
    failed = stripe_provider.fetch_refund(state.external_id, stripe_account)
    assert (failed.state, failed.failure_code) == (State.FAILED, "expired_or_canceled_card")
    assert stripe_server.controls.balance(stripe_account)[0] == before


def test_refund_of_a_separate_payment_comes_from_our_account(stripe_server, stripe_provider, stripe_account):
    paid = captured(stripe_server, stripe_provider, stripe_account, is_separate=True)
    before = stripe_server.controls.balance()[0]
    state = stripe_provider.create_refund(
        paid.external_id, "", 10_000, fee=500, reference="refund-1", key="refund"
    )
    assert state.state == State.SUCCEEDED
    assert stripe_server.controls.balance()[0] == before - 10_000
    assert stripe_server.controls.balance(stripe_account) == [0, 0]


# --- Chargebacks


def test_chargeback_takes_the_money_until_it_is_won(stripe_server, stripe_provider, paid):
    dispute = stripe_server.controls.charge_back(paid.external_id)
    state = stripe_provider.fetch_chargeback(dispute, paid.account)
    assert (state.state, state.amount, state.payment) == (Chargeback.State.OPEN, 85_000, paid.external_id)
    assert (state.currency, state.reason) == ("AED", "fraudulent")
    assert state.respond_by is not None
    assert stripe_server.controls.balance(paid.account) == [-4_250, 0]
    stripe_server.controls.close_dispute(dispute, won=True)
    assert stripe_provider.fetch_chargeback(dispute, paid.account).state == Chargeback.State.WON
    assert stripe_server.controls.balance(paid.account) == [80_750, 0]


def test_lost_chargeback_takes_it_for_good(stripe_server, stripe_provider, paid):
    dispute = stripe_server.controls.charge_back(paid.external_id)
    stripe_server.controls.close_dispute(dispute, won=False)
    assert stripe_provider.fetch_chargeback(dispute, paid.account).state == Chargeback.State.LOST


def test_banks_question_moves_no_money_and_is_no_chargeback(stripe_server, stripe_provider, paid):
    dispute = stripe_server.controls.charge_back(paid.external_id, inquiry=True)
    assert stripe_provider.fetch_chargeback(dispute, paid.account).state == "inquiry"
    assert stripe_server.controls.balance(paid.account) == [80_750, 0]
    stripe_server.controls.escalate_inquiry(dispute)
    assert stripe_provider.fetch_chargeback(dispute, paid.account).state == Chargeback.State.OPEN


def test_card_that_is_charged_back_is_so_as_soon_as_it_is_captured(
    stripe_server, stripe_provider, stripe_account
):
    paid = captured(stripe_server, stripe_provider, stripe_account, card="pm_card_createDispute")
    disputes = stripe_server.controls.objects("dispute")
    assert [one["payment_intent"] for one in disputes] == [paid.external_id]


def test_charged_back_payment_cannot_be_refunded_as_well(stripe_server, stripe_provider, paid):
    stripe_server.controls.charge_back(paid.external_id)
    with pytest.raises(ProviderRefused) as refusal:
        refund(stripe_provider, paid, 1_000, fee=50)
    assert refusal.value.code == "charge_disputed"
