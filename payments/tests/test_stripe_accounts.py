"""Sellers' accounts and saved cards at Stripe."""

from datetime import date

import pytest

from payments.providers.base import ProviderRefused
from payments.tests.stripe_calls import request


@pytest.fixture
def new_account(stripe_provider):
    return stripe_provider.create_account(
        reference="seller-1", email="seller@example.com", country="AE", key="account:1:create"
    )


def test_account_is_made_with_exactly_the_capabilities_that_we_charge_by(stripe_server, new_account):
    params = stripe_server.requests[-1].params
    assert params["capabilities"] == {
        "card_payments": {"requested": "true"},
        "transfers": {"requested": "true"},
    }
    assert params["country"] == "AE"


def test_platform_pays_the_fees_stripe_asks_the_seller_and_payouts_wait_for_us(stripe_server, new_account):
    account = stripe_server.controls.object(new_account.external_id)
    assert account["controller"] == {
        "type": "application",
        "fees": {"payer": "application"},
        "losses": {"payments": "application"},
        "requirement_collection": "stripe",
        "stripe_dashboard": {"type": "express"},
    }
    assert account["settings"] == {"payouts": {"schedule": {"interval": "manual"}}}


def test_new_account_cannot_be_paid_and_says_what_is_missing(new_account):
    assert not new_account.charges_enabled
    assert not new_account.payouts_enabled
    assert "external_account" in new_account.requirements
    assert new_account.disabled_reason == "requirements.past_due"


def test_account_can_be_paid_once_its_owner_has_answered(stripe_server, stripe_provider, new_account):
    stripe_server.controls.complete_onboarding(new_account.external_id)
    state = stripe_provider.fetch_account(new_account.external_id)
    assert (state.charges_enabled, state.payouts_enabled) == (True, True)
    assert (state.requirements, state.disabled_reason) == ([], "")


@pytest.mark.parametrize("missing", ["card_payments", "transfers"])
def test_account_without_a_capability_that_we_need_cannot_be_paid_whatever_stripes_flag_says(
    stripe_server, stripe_provider, stripe_account, missing
):
    stripe_server.controls.restrict(stripe_account, missing, due=["company.tax_id"])
    assert stripe_server.controls.object(stripe_account)["charges_enabled"]
    state = stripe_provider.fetch_account(stripe_account)
    assert not state.charges_enabled
    assert state.disabled_reason == f"capability_inactive:{missing}"
    assert state.requirements == ["company.tax_id"]


def test_account_that_was_onboarded_with_the_wrong_capabilities_cannot_be_paid(
    stripe_server, stripe_provider, monkeypatch
):
    monkeypatch.setattr("payments.providers.stripe.accounts.REQUIRED_CAPABILITIES", ("transfers",))
    account = stripe_provider.create_account(reference="s", email="s@example.com", country="AE", key="k")
    stripe_server.controls.complete_onboarding(account.external_id)
    assert stripe_server.controls.object(account.external_id)["charges_enabled"]
    state = stripe_provider.fetch_account(account.external_id)
    assert not state.charges_enabled
    assert state.disabled_reason == "capability_missing:card_payments"
    with pytest.raises(ProviderRefused):
        stripe_provider.create_payment(request(account.external_id))


def test_account_that_stripe_pays_out_by_itself_cannot_be_paid(
    stripe_server, stripe_provider, stripe_account
):
    account = stripe_server.store.find(stripe_account)
    account["settings"]["payouts"]["schedule"]["interval"] = "daily"
    state = stripe_provider.fetch_account(stripe_account)
    assert not state.charges_enabled
    assert state.disabled_reason == "payouts_not_manual"


def test_same_key_makes_one_account(stripe_server, stripe_provider, new_account):
    again = stripe_provider.create_account(
        reference="seller-1", email="seller@example.com", country="AE", key="account:1:create"
    )
    assert again == new_account
    assert len(stripe_server.controls.objects("account")) == 1


def test_onboarding_link_leads_to_stripe_and_back(stripe_server, stripe_provider, new_account):
    url = stripe_provider.onboarding_url(
        new_account.external_id,
        return_url="https://soukloop.test/back",
        refresh_url="https://soukloop.test/again",
    )
    assert url.startswith("https://connect.stripe.com/")
    params = stripe_server.requests[-1].params
    assert params["type"] == "account_onboarding"
    assert (params["return_url"], params["refresh_url"]) == (
        "https://soukloop.test/back",
        "https://soukloop.test/again",
    )


# --- Saved cards


def test_card_is_saved_for_later_charges_on_our_account(stripe_server, stripe_provider):
    setup = stripe_provider.create_card_setup(
        customer="", reference="user-1", email="seller@example.com", key="card:1:create"
    )
    assert setup.customer.startswith("cus_")
    assert setup.client_secret.startswith(f"{setup.external_id}_secret_")
    assert (setup.card, setup.last4) == ("", "")
    assert stripe_server.requests[-1].params["usage"] == "off_session"
    card = stripe_server.controls.enter_card(setup.external_id)
    saved = stripe_provider.fetch_card_setup(setup.external_id)
    assert (saved.card, saved.customer, saved.client_secret) == (card, setup.customer, "")
    assert (saved.brand, saved.last4, saved.expires_on) == ("visa", "4242", date(2034, 12, 31))


def test_second_card_belongs_to_the_same_customer(stripe_server, stripe_provider):
    first = stripe_provider.create_card_setup(customer="", reference="u", email="s@example.com", key="1")
    second = stripe_provider.create_card_setup(
        customer=first.customer, reference="u", email="s@example.com", key="2"
    )
    assert second.customer == first.customer
    assert len(stripe_server.controls.objects("customer")) == 1
