"""`manage.py payments_webhook`: one endpoint for each kind of event, whose secrets are known."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from payments.providers.stripe.client import API_VERSION, call, stripe_client
from payments.providers.stripe.webhooks import EVENT_TYPES, read_webhook
from payments.tests.stripe_calls import captured

URL = "https://soukloop.test/api/v1/payments/webhooks/stripe"


def run() -> tuple[str, list[str]]:
    """Return what the command prints, and the secrets among it."""
    out = StringIO()
    call_command("payments_webhook", url=URL, stdout=out)
    lines = out.getvalue().splitlines()
    return out.getvalue(), [line for line in lines if line.startswith("whsec_")]


def endpoints(server):
    return [one for one in server.controls.objects("webhook_endpoint") if one["url"] == URL]


def by_hand(**params):
    values = {"url": URL, "enabled_events": ["*"], "api_version": API_VERSION} | params
    return call(stripe_client().v1.webhook_endpoints.create, params=values)


def test_first_run_registers_both_kinds_and_shows_their_secrets_once(stripe_server):
    text, secrets = run()
    made = endpoints(stripe_server)
    assert sorted(one["_secret"] for one in made) == sorted(secrets)
    assert [one["_connect"] for one in made] == [False, True]
    for one in made:
        assert one["enabled_events"] == EVENT_TYPES
        assert one["api_version"] == API_VERSION
        assert one["_secret"] not in str(one["metadata"])
    assert "STRIPE_WEBHOOK_SECRETS" in text


def test_second_run_changes_nothing_once_the_secrets_are_in_the_settings(settings, stripe_server):
    settings.STRIPE_WEBHOOK_SECRETS = run()[1]
    before = endpoints(stripe_server)
    text, secrets = run()
    assert endpoints(stripe_server) == before
    assert secrets == []
    assert text.count("unchanged") == 2


def test_endpoint_that_is_registered_twice_and_whose_secret_is_lost_is_replaced(settings, stripe_server):
    first = run()[1]
    by_hand()
    by_hand(connect=True)
    settings.STRIPE_WEBHOOK_SECRETS = [first[0]]  # the second was lost
    text, secrets = run()
    assert [one["_connect"] for one in endpoints(stripe_server)] == [False, True]
    assert [one["_secret"] for one in endpoints(stripe_server)] == [first[0], *secrets]
    assert len(secrets) == 1
    assert "its secret is not in STRIPE_WEBHOOK_SECRETS" in text
    assert text.count("was deleted") == 3


def test_of_two_whose_secrets_are_known_one_stays(settings, stripe_server):
    first = run()[1]
    second = run()[1]  # the first secrets were not in the settings, so they were replaced
    assert sorted(one["_secret"] for one in endpoints(stripe_server)) == sorted(second)
    settings.STRIPE_WEBHOOK_SECRETS = [*first, *second]
    text, secrets = run()
    assert sorted(one["_secret"] for one in endpoints(stripe_server)) == sorted(second)
    assert secrets == []
    assert text.count("belongs to no endpoint") == 2


def test_endpoints_of_other_addresses_are_left_alone(stripe_server):
    other = by_hand(url="https://shop.example.com/hook")
    run()
    run()
    assert stripe_server.controls.object(other["id"])["url"] == "https://shop.example.com/hook"


def test_endpoint_that_was_switched_off_or_misses_events_is_mended_and_keeps_its_secret(
    settings, stripe_server
):
    settings.STRIPE_WEBHOOK_SECRETS = run()[1]
    one = endpoints(stripe_server)[0]
    call(
        stripe_client().v1.webhook_endpoints.update,
        one["id"],
        params={"enabled_events": ["payout.paid"], "disabled": True},
    )
    text, secrets = run()
    mended = stripe_server.controls.object(one["id"])
    assert (mended["enabled_events"], mended["status"]) == (EVENT_TYPES, "enabled")
    assert secrets == []
    assert "changed disabled and enabled_events" in text


def test_endpoint_of_another_version_is_replaced(settings, stripe_server):
    settings.STRIPE_WEBHOOK_SECRETS = run()[1]
    one = stripe_server.store.find(endpoints(stripe_server)[0]["id"])
    one["api_version"] = "2019-12-03"
    text, secrets = run()
    assert {one["api_version"] for one in endpoints(stripe_server)} == {API_VERSION}
    assert len(secrets) == 1
    assert "2019-12-03" in text


def test_registered_endpoints_receive_events_that_we_can_read(
    settings, stripe_server, stripe_provider, stripe_account
):
    settings.STRIPE_WEBHOOK_SECRETS = run()[1]
    stripe_server.controls.webhooks(hold=True)
    captured(stripe_server, stripe_provider, stripe_account)
    for delivery in stripe_server.webhooks.take():
        assert delivery.url == URL
        assert read_webhook(delivery.body, delivery.headers()).account == stripe_account


def test_secret_of_what_was_made_before_a_failure_is_shown(stripe_server):
    out = StringIO()
    stripe_server.controls.fault("overloaded", path="/v1/webhook_endpoints/", method="POST")
    with pytest.raises(CommandError, match="rate_limit"):
        call_command("payments_webhook", url=URL, stdout=out)
    assert endpoints(stripe_server)[0]["_secret"] in out.getvalue()
    text, secrets = run()
    assert sorted(one["_secret"] for one in endpoints(stripe_server)) == sorted(secrets)
    assert text.count("created") == 2


def test_address_that_stripe_cannot_reach_is_refused(settings, stripe_server):
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    with pytest.raises(CommandError, match="public https"):
        call_command("payments_webhook", url="http://localhost:8000/hook")
