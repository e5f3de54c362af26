"""Webhooks of Stripe: signatures, secrets, what they are about, and how badly they may arrive."""

import json
import logging
import time
from datetime import timedelta

import pytest
from stripe import WebhookSignature

from payments.providers.base import InvalidWebhook
from payments.providers.stripe.client import API_VERSION, call, stripe_client
from payments.providers.stripe.webhooks import EVENT_TYPES, SUBJECTS, read_webhook
from payments.tests.stripe_calls import captured, request

SECRET = "whsec_of_this_test"
BODY = json.dumps(
    {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "account": "acct_1",
        "data": {"object": {"id": "pi_1", "amount": 85_000, "client_secret": "pi_1_secret_x"}},
    }
).encode()


@pytest.fixture(autouse=True)
def _one_secret(settings):
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]


def signed(body: bytes = BODY, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    header = WebhookSignature.generate_signature_header(body.decode(), secret, int(at or time.time()))
    return {"Stripe-Signature": header}


def test_signed_webhook_says_what_to_ask_about():
    event = read_webhook(BODY, signed())
    assert (event.event_id, event.kind) == ("evt_1", "payment_intent.succeeded")
    assert (event.subject, event.object_id, event.account) == ("payment", "pi_1", "acct_1")


def test_stored_body_has_no_client_secret():
    event = read_webhook(BODY, signed())
    assert event.body["data"] == {"object": {"id": "pi_1", "amount": 85_000}}
    assert "secret" not in json.dumps(event.body)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (BODY, {"Stripe-Signature": ""}),
        (BODY, {"Stripe-Signature": "t=1,v1=abc"}),
        (BODY, {"Stripe-Signature": "nonsense"}),
        (BODY, {"Stripe-Signature": f"t={int(time.time())},v1=٣٣"}),
        (BODY, signed(secret="whsec_of_somebody_else")),
        (BODY.replace(b"85000", b"1"), signed()),
        (b"\xff\xfe", signed()),
        (b"not json", signed(b"not json")),
        (b"[]", signed(b"[]")),
        (b"{}", signed(b"{}")),
        (b'{"id": "e", "type": "x", "data": {"object": null}}', signed(b'{"id": "e", "type": "x"}')),
        (b'{"id": "e", "type": "x", "data": null}', signed(b'{"id": "e", "type": "x", "data": null}')),
        (b'{"id":"e","type":"x","data":{"object":3}}', signed(b'{"id":"e","type":"x","data":{"object":3}}')),
    ],
)
def test_forged_and_broken_webhooks_are_refused(body, headers):
    with pytest.raises(InvalidWebhook):
        read_webhook(body, headers)


def test_old_signature_is_refused(settings):
    settings.WEBHOOK_TOLERANCE = timedelta(minutes=5)
    with pytest.raises(InvalidWebhook):
        read_webhook(BODY, signed(at=time.time() - 360))
    assert read_webhook(BODY, signed(at=time.time() - 240)).event_id == "evt_1"


def test_signature_of_the_future_is_refused(settings):
    settings.WEBHOOK_TOLERANCE = timedelta(minutes=5)
    with pytest.raises(InvalidWebhook):
        read_webhook(BODY, signed(at=time.time() + 400))
    assert read_webhook(BODY, signed(at=time.time() + 240)).event_id == "evt_1"


def test_second_time_that_is_no_number_is_refused():
    headers = {name: f"{value},t=soon" for name, value in signed().items()}
    with pytest.raises(InvalidWebhook):
        read_webhook(BODY, headers)


def test_while_a_secret_is_replaced_both_are_accepted_and_afterwards_only_the_new_one(settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", "whsec_old"]
    for secret in ("whsec_new", "whsec_old"):
        assert read_webhook(BODY, signed(secret=secret)).event_id == "evt_1"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new"]
    with pytest.raises(InvalidWebhook):
        read_webhook(BODY, signed(secret="whsec_old"))


def test_without_secrets_every_webhook_is_refused_and_staff_can_see_why(settings, caplog):
    settings.STRIPE_WEBHOOK_SECRETS = []
    with caplog.at_level(logging.ERROR), pytest.raises(InvalidWebhook):
        read_webhook(BODY, signed())
    assert "STRIPE_WEBHOOK_SECRETS is not set" in caplog.text


def test_event_that_we_do_not_know_has_no_subject():
    body = b'{"id": "evt_2", "type": "customer.created", "data": {"object": {"id": "cus_1"}}}'
    event = read_webhook(body, signed(body))
    assert (event.subject, event.object_id, event.account) == ("", "cus_1", "")


def test_changed_capability_is_about_its_account():
    body = json.dumps(
        {
            "id": "evt_3",
            "type": "capability.updated",
            "account": "acct_9",
            "data": {"object": {"id": "transfers", "object": "capability", "account": "acct_9"}},
        }
    ).encode()
    event = read_webhook(body, signed(body))
    assert (event.subject, event.object_id) == ("account", "acct_9")


def test_header_is_found_in_any_case():
    assert read_webhook(BODY, {"stripe-signature": signed()["Stripe-Signature"]}).event_id == "evt_1"


# --- What the server sends


def register(*, connect: bool, url: str = "http://127.0.0.1:9/hook") -> str:
    params = {"url": url, "enabled_events": EVENT_TYPES, "api_version": API_VERSION, "connect": connect}
    answer = call(stripe_client().v1.webhook_endpoints.create, params=params)
    return str(answer["secret"])


def test_events_of_sellers_accounts_and_of_ours_go_to_their_own_endpoints(
    settings, stripe_server, stripe_provider
):
    stripe_server.controls.webhooks(hold=True)
    secrets = {kind: register(connect=kind == "connect") for kind in ("ours", "connect")}
    account = stripe_provider.create_account(reference="s", email="s@example.com", country="AE", key="a")
    stripe_server.controls.complete_onboarding(account.external_id)
    captured(stripe_server, stripe_provider, account.external_id)
    setup = stripe_provider.create_card_setup(customer="", reference="u", email="s@example.com", key="c")
    stripe_server.controls.enter_card(setup.external_id)
    deliveries = stripe_server.webhooks.take()
    accounts: dict[str, set[str]] = {}
    for delivery in deliveries:
        settings.STRIPE_WEBHOOK_SECRETS = [delivery.secret]
        event = read_webhook(delivery.body, delivery.headers())
        accounts.setdefault(delivery.secret, set()).add(event.account)
        assert event.subject == SUBJECTS[event.kind]
    assert accounts == {secrets["connect"]: {account.external_id}, secrets["ours"]: {""}}


def test_address_that_is_registered_twice_gets_each_event_twice_under_one_id(
    settings, stripe_server, stripe_provider, stripe_account
):
    stripe_server.controls.webhooks(hold=True)
    settings.STRIPE_WEBHOOK_SECRETS = [register(connect=True) for _ in range(2)]
    stripe_provider.create_payment(request(stripe_account))
    stripe_server.controls.pay(stripe_server.controls.objects("payment_intent")[0]["id"])
    first, second = stripe_server.webhooks.take()
    assert first.secret != second.secret
    events = [read_webhook(one.body, one.headers()) for one in (first, second)]
    assert events[0].event_id == events[1].event_id


def test_messages_are_duplicated_and_dropped_on_demand(stripe_server, stripe_provider, stripe_account):
    register(connect=True)
    stripe_server.controls.webhooks(hold=True, copies=3)
    captured(stripe_server, stripe_provider, stripe_account)
    kinds = [delivery.kind for delivery in stripe_server.webhooks.take()]
    assert kinds == ["payment_intent.amount_capturable_updated"] * 3 + ["payment_intent.succeeded"] * 3
    stripe_server.controls.webhooks(drop=1.0)
    captured(stripe_server, stripe_provider, stripe_account, reference="payment-2")
    assert stripe_server.webhooks.take() == []
    assert len(stripe_server.webhooks.events) > 6
