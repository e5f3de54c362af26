"""Calls to Stripe that fail: what is tried again, what is refused, and what is never logged."""

import logging
from datetime import timedelta

import pytest
import stripe

from payments.models import Payment
from payments.providers.base import ProviderRefused, ProviderUnavailable
from payments.providers.stripe import StripeProvider, client
from payments.testing.stripe_server import server
from payments.tests.stripe_calls import request

BEFORE = ["server_error", "overloaded", "locked", "in_use"]
AFTER = ["answer_lost", "broken_answer"]


@pytest.mark.parametrize("kind", BEFORE)
def test_call_that_stripe_could_not_do_is_made_again_with_the_same_key(
    stripe_server, stripe_provider, stripe_account, kind
):
    stripe_server.controls.fault(kind, path="/v1/payment_intents")
    with pytest.raises(ProviderUnavailable):
        stripe_provider.create_payment(request(stripe_account))
    assert stripe_server.controls.objects("payment_intent") == []
    assert stripe_provider.create_payment(request(stripe_account)).state == Payment.State.REQUIRES_ACTION


@pytest.mark.parametrize("kind", AFTER)
def test_call_whose_answer_was_lost_has_one_effect(stripe_server, stripe_provider, stripe_account, kind):
    stripe_server.controls.fault(kind, path="/v1/payment_intents")
    with pytest.raises(ProviderUnavailable):
        stripe_provider.create_payment(request(stripe_account))
    made = stripe_provider.create_payment(request(stripe_account))
    assert [one["id"] for one in stripe_server.controls.objects("payment_intent")] == [made.external_id]


@pytest.mark.parametrize("kind", ["no_answer", "answer_late"])
def test_no_answer_within_our_time_is_unavailable(
    settings, stripe_server, stripe_provider, stripe_account, kind
):
    settings.PROVIDER_TIMEOUT = timedelta(seconds=0.3)
    stripe_server.controls.fault(kind, path="/v1/payment_intents", seconds=30)
    with pytest.raises(ProviderUnavailable):
        stripe_provider.create_payment(request(stripe_account))
    made = len(stripe_server.controls.objects("payment_intent"))
    assert made == (1 if kind == "answer_late" else 0)


def test_server_that_is_not_there_is_unavailable(settings, stripe_server, stripe_provider):
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    with pytest.raises(ProviderUnavailable):
        stripe_provider.fetch_account("acct_1")


def test_failed_call_is_not_repeated_by_the_library(stripe_server, stripe_provider, stripe_account):
    stripe_server.controls.fault("server_error", path="/v1/payment_intents", times=5)
    with pytest.raises(ProviderUnavailable):
        stripe_provider.create_payment(request(stripe_account))
    assert stripe_server.faults.happened == 1


def test_same_key_with_other_parameters_is_refused(stripe_server, stripe_provider, stripe_account, caplog):
    stripe_provider.create_payment(request(stripe_account))
    with pytest.raises(ProviderRefused) as refusal:
        stripe_provider.create_payment(request(stripe_account, amount=1_000, fee=50))
    assert refusal.value.code == "idempotency_error"
    assert "one idempotency key and different parameters" in caplog.text


def test_wrong_key_of_ours_fails_nobodys_payment_for_good(settings, stripe_server, stripe_provider, caplog):
    settings.STRIPE_SECRET_KEY = "sk_live_wrong_and_secret"
    with pytest.raises(ProviderUnavailable) as unavailable:
        stripe_provider.create_payment(request(""))
    assert "Stripe refused our key" in caplog.text
    assert "sk_live" not in caplog.text + str(unavailable.value)


def test_missing_key_is_unavailable_and_logged(settings, stripe_server, stripe_provider, caplog):
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(ProviderUnavailable):
        stripe_provider.fetch_account("acct_1")
    assert "STRIPE_SECRET_KEY is not set" in caplog.text


def test_account_that_our_key_may_not_see_is_unavailable_and_logged(stripe_server, stripe_provider, caplog):
    with pytest.raises(ProviderUnavailable):
        stripe_provider.create_payment(request("acct_of_somebody_else"))
    assert "account_invalid" in caplog.text


def test_publishable_key_cannot_move_money(settings, stripe_server, stripe_provider, stripe_account):
    settings.STRIPE_SECRET_KEY = stripe_server.publishable_key
    with pytest.raises(ProviderUnavailable):
        stripe_provider.create_payment(request(stripe_account))


def test_wrong_parameter_is_refused_with_stripes_word(stripe_server, stripe_provider, stripe_account):
    with pytest.raises(ProviderRefused) as refusal:
        stripe_provider.create_payment(request(stripe_account, amount=100, fee=5))
    assert refusal.value.code == "amount_too_small"
    assert "amount" in str(refusal.value)


# --- The pinned version, and what must never be said


def test_pinned_version_is_sent_whatever_the_library_would_send(
    stripe_server, stripe_provider, stripe_account, monkeypatch
):
    monkeypatch.setattr(stripe, "api_version", "2020-08-27")
    stripe_provider.create_payment(request(stripe_account))
    assert stripe_server.requests[-1].headers["Stripe-Version"] == client.API_VERSION


def test_pinned_version_is_the_one_that_the_library_was_written_for():
    assert stripe._api_version._ApiVersion.CURRENT == client.API_VERSION
    assert server.API_VERSION == client.API_VERSION


def test_call_with_another_version_is_noticed(settings, stripe_server, stripe_provider):
    stripe_server.api_version = "2019-12-03"
    with pytest.raises(ProviderRefused):
        stripe_provider.fetch_account("acct_1")


def test_nothing_is_reported_about_our_machine(stripe_server, stripe_provider, stripe_account):
    for key in ("1", "2"):
        stripe_provider.create_payment(request(stripe_account, key=key))
    headers = stripe_server.requests[-1].headers
    assert "X-Stripe-Client-Telemetry" not in headers
    assert "platform" not in headers["X-Stripe-Client-User-Agent"]


def test_bodies_keys_and_client_secrets_are_never_logged(
    stripe_server, stripe_provider, stripe_account, caplog, capsys, monkeypatch
):
    monkeypatch.setenv("STRIPE_LOG", "debug")
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="stripe"):
        made = stripe_provider.create_payment(request(stripe_account))
        stripe_provider.fetch_payment(made.external_id, stripe_account)
        stripe_provider.create_card_setup(customer="", reference="u", email="s@example.com", key="c")
        with pytest.raises(ProviderRefused):
            stripe_provider.capture_payment(made.external_id, stripe_account, key="capture")
    said = caplog.text + "".join(capsys.readouterr())
    for secret in (made.client_secret, stripe_server.secret_key, "s@example.com", "85000"):
        assert secret not in said


def test_refusal_carries_neither_body_nor_client_secret(stripe_server, stripe_provider, stripe_account):
    made = stripe_provider.create_payment(request(stripe_account))
    with pytest.raises(ProviderRefused) as refusal:
        stripe_provider.capture_payment(made.external_id, stripe_account, key="capture")
    chain: BaseException | None = refusal.value
    said = ""
    while chain is not None:
        said += repr(chain) + str(chain)
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    assert made.client_secret not in said
    assert "status 400" in said


def test_library_prints_nothing_when_its_own_switch_is_on():
    assert stripe._util.STRIPE_LOG is None
    assert stripe.log is None


def test_apps_are_told_the_publishable_key_and_whose_account_a_payment_is_on(stripe_server):
    key = stripe_server.publishable_key
    assert StripeProvider().client_settings() == {"publishable_key": key}
    assert StripeProvider().client_settings("acct_1") == {"publishable_key": key, "account": "acct_1"}
