"""Payments at Stripe: each state, both ways of charging, saved cards."""

from typing import Any

import pytest

from payments.models import Payment
from payments.providers.base import PaymentRequest, ProviderRefused
from payments.tests.stripe_calls import captured, request

State = Payment.State


def test_payment_is_made_on_the_sellers_account_with_our_share_and_manual_capture(
    stripe_server, stripe_provider, stripe_account
):
    state = stripe_provider.create_payment(request(stripe_account))
    assert state.state == State.REQUIRES_ACTION
    assert (state.amount, state.fee, state.currency) == (85_000, 4_250, "AED")
    assert (state.account, state.reference) == (stripe_account, "payment-1")
    assert state.client_secret.startswith(f"{state.external_id}_secret_")
    sent = stripe_server.requests[-1]
    assert (sent.path, sent.account) == ("/v1/payment_intents", stripe_account)
    assert sent.params["capture_method"] == "manual"
    assert sent.params["payment_method_types"] == ["card"]
    assert sent.headers["Idempotency-Key"] == "payment:1:create"


def test_card_is_only_blocked_until_the_payment_is_captured(stripe_server, stripe_provider, stripe_account):
    made = stripe_provider.create_payment(request(stripe_account))
    stripe_server.controls.pay(made.external_id)
    blocked = stripe_provider.fetch_payment(made.external_id, stripe_account)
    assert (blocked.state, blocked.client_secret) == (State.AUTHORISED, "")
    assert stripe_server.controls.balance(stripe_account) == [0, 0]
    taken = stripe_provider.capture_payment(made.external_id, stripe_account, key="capture")
    assert (taken.state, taken.amount) == (State.CAPTURED, 85_000)
    assert stripe_server.controls.balance(stripe_account) == [80_750, 0]


def test_platform_gets_its_share_and_pays_stripes_fee(stripe_server, stripe_provider, stripe_account):
    captured(stripe_server, stripe_provider, stripe_account)
    assert stripe_server.controls.balance() == [4_250 - 85_000 * 29 // 1000 - 100, 0]


def test_challenge_that_is_passed_blocks_the_card(stripe_server, stripe_provider, stripe_account):
    made = stripe_provider.create_payment(request(stripe_account))
    stripe_server.controls.pay(made.external_id, "pm_card_authenticationRequired")
    waiting = stripe_provider.fetch_payment(made.external_id, stripe_account)
    assert (waiting.state, waiting.failure_code) == (State.REQUIRES_ACTION, "")
    assert waiting.client_secret == made.client_secret
    stripe_server.controls.challenge(made.external_id)
    assert stripe_provider.fetch_payment(made.external_id, stripe_account).state == State.AUTHORISED


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeDeclined", "card_declined"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_declined_card_leaves_the_payment_open_for_another_one(
    stripe_server, stripe_provider, stripe_account, card, code
):
    made = stripe_provider.create_payment(request(stripe_account))
    stripe_server.controls.pay(made.external_id, card)
    state = stripe_provider.fetch_payment(made.external_id, stripe_account)
    assert (state.state, state.failure_code) == (State.REQUIRES_ACTION, code)
    stripe_server.controls.pay(made.external_id)
    state = stripe_provider.fetch_payment(made.external_id, stripe_account)
    assert (state.state, state.failure_code) == (State.AUTHORISED, "")


def test_failed_challenge_leaves_the_payment_open(stripe_server, stripe_provider, stripe_account):
    made = stripe_provider.create_payment(request(stripe_account))
    stripe_server.controls.pay(made.external_id, "pm_card_authenticationRequired")
    stripe_server.controls.challenge(made.external_id, passed=False)
    state = stripe_provider.fetch_payment(made.external_id, stripe_account)
    assert state.state == State.REQUIRES_ACTION
    assert state.failure_code == "payment_intent_authentication_failure"


def test_cancelled_payment_frees_the_card_and_cancelling_again_says_the_same(
    stripe_server, stripe_provider, stripe_account
):
    made = stripe_provider.create_payment(request(stripe_account))
    stripe_server.controls.pay(made.external_id)
    for key in ("cancel", "cancel", "cancel-again"):
        state = stripe_provider.cancel_payment(made.external_id, stripe_account, key=key)
        assert (state.state, state.client_secret) == (State.CANCELLED, "")
    assert stripe_server.controls.balance(stripe_account) == [0, 0]


def test_captured_payment_cannot_be_cancelled(stripe_server, stripe_provider, stripe_account):
    taken = captured(stripe_server, stripe_provider, stripe_account)
    with pytest.raises(ProviderRefused) as refusal:
        stripe_provider.cancel_payment(taken.external_id, stripe_account, key="cancel")
    assert refusal.value.code == "payment_intent_unexpected_state"
    assert stripe_provider.fetch_payment(taken.external_id, stripe_account).state == State.CAPTURED


def test_capturing_again_under_another_key_takes_nothing_more(stripe_server, stripe_provider, stripe_account):
    taken = captured(stripe_server, stripe_provider, stripe_account)
    again = stripe_provider.capture_payment(taken.external_id, stripe_account, key="another")
    assert again == taken
    assert stripe_server.controls.balance(stripe_account) == [80_750, 0]


def test_capture_after_the_block_has_run_out_says_that_it_is_cancelled(
    stripe_server, stripe_provider, stripe_account
):
    made = stripe_provider.create_payment(request(stripe_account))
    stripe_server.controls.pay(made.external_id)
    stripe_server.controls.expire_payment(made.external_id)
    state = stripe_provider.capture_payment(made.external_id, stripe_account, key="capture")
    assert (state.state, state.failure_code) == (State.CANCELLED, "automatic")


def test_capture_of_what_nobody_paid_is_refused(stripe_server, stripe_provider, stripe_account):
    made = stripe_provider.create_payment(request(stripe_account))
    with pytest.raises(ProviderRefused):
        stripe_provider.capture_payment(made.external_id, stripe_account, key="capture")


def test_payment_on_another_account_is_not_found(stripe_server, stripe_provider, stripe_account):
    made = stripe_provider.create_payment(request(stripe_account))
    with pytest.raises(ProviderRefused) as refusal:
        stripe_provider.fetch_payment(made.external_id, "")
    assert refusal.value.code == "resource_missing"


def test_separate_payment_is_charged_on_our_account_for_the_seller(
    stripe_server, stripe_provider, stripe_account
):
    taken = captured(stripe_server, stripe_provider, stripe_account, is_separate=True)
    assert (taken.state, taken.account, taken.fee) == (State.CAPTURED, stripe_account, None)
    assert stripe_server.controls.balance(stripe_account) == [0, 0]
    created = next(sent for sent in stripe_server.requests if sent.path == "/v1/payment_intents")
    assert created.account == ""
    assert created.params["on_behalf_of"] == stripe_account
    assert created.params["transfer_group"] == "payment-1"


# --- Saved cards


def saved_card(server, provider):
    setup = provider.create_card_setup(customer="", reference="user", email="s@example.com", key="setup")
    server.controls.enter_card(setup.external_id, "pm_card_visa")
    return provider.fetch_card_setup(setup.external_id)


def bill(saved, *, card="", **fields) -> PaymentRequest:
    values: dict[str, Any] = {"fee": 0, "amount": 12_500, "reference": "bill-1"} | fields
    return request("", customer=saved.customer, card=card or saved.card, **values)


def test_saved_card_is_charged_at_once_without_its_owner(stripe_server, stripe_provider):
    saved = saved_card(stripe_server, stripe_provider)
    state = stripe_provider.create_payment(bill(saved))
    assert (state.state, state.amount, state.account) == (State.CAPTURED, 12_500, "")
    assert stripe_server.requests[-1].params["off_session"] == "true"


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required"),
    ],
)
def test_saved_card_that_cannot_be_charged_fails_the_payment(stripe_server, stripe_provider, card, code):
    saved = saved_card(stripe_server, stripe_provider)
    state = stripe_provider.create_payment(bill(saved, card=card))
    assert (state.state, state.failure_code, state.client_secret) == (State.FAILED, code, "")
    assert stripe_provider.fetch_payment(state.external_id, "").state == State.FAILED


def test_saved_card_is_charged_once_though_stripe_forgot_the_key(stripe_server, stripe_provider):
    saved = saved_card(stripe_server, stripe_provider)
    first = stripe_provider.create_payment(bill(saved))
    stripe_server.controls.forget_idempotency_keys()
    assert stripe_provider.create_payment(bill(saved)) == first
    assert len(stripe_server.controls.objects("charge")) == 1
