"""The server that stands for Stripe: what tests rely on when they believe its answers."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from payments.providers.base import ProviderUnavailable
from payments.providers.stripe.client import API_VERSION, call, stripe_client
from payments.testing.stripe_server import StripeServer
from payments.testing.stripe_server.errors import ApiError
from payments.testing.stripe_server.forms import parse_form
from payments.tests.stripe_calls import captured, request

TIMEOUT = 60


def test_nested_form_keys_become_dictionaries_and_lists():
    form = "a=1&b[c]=2&b[d][e]=3&f[0]=x&f[1]=y&g[0][h]=4&i[]=5&i[]=6&j="
    assert parse_form(form) == {
        "a": "1",
        "b": {"c": "2", "d": {"e": "3"}},
        "f": ["x", "y"],
        "g": [{"h": "4"}],
        "i": ["5", "6"],
        "j": "",
    }


def test_form_that_contradicts_itself_is_refused():
    with pytest.raises(ApiError):
        parse_form("a=1&a[b]=2")


def post(server: StripeServer, path: str, body: str, **headers: str) -> tuple[int, dict[str, Any], Any]:
    """Call the API by hand and return status, body and headers."""
    values = {
        "Authorization": f"Bearer {server.secret_key}",
        "Stripe-Version": API_VERSION,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    try:
        answer = urlopen(Request(server.url + path, body.encode(), values), timeout=TIMEOUT)
    except HTTPError as error:
        answer = error
    return answer.status, json.loads(answer.read()), answer.headers


def test_parameter_that_stripe_does_not_know_is_refused_by_name(stripe_server):
    status, body, _ = post(stripe_server, "/v1/customers", "emial=x")
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert (body["error"]["code"], body["error"]["param"]) == ("parameter_unknown", "emial")
    assert stripe_server.controls.objects("customer") == []


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/customers", "", {"Authorization": "Bearer sk_wrong"}, 401),
        ("/v1/customers", "", {"Stripe_Version": "2020-08-27"}, 400),
        ("/v1/customers", "", {"Stripe_Account": "acct_unknown"}, 403),
        ("/v1/nothing", "", {}, 404),
        ("/v1/payment_intents", "currency=aed", {}, 400),
        ("/v1/payment_intents", "currency=aed&amount=ten", {}, 400),
    ],
)
def test_wrong_calls_get_stripes_status_and_change_nothing(stripe_server, path, body, headers, status):
    answered, answer, _ = post(stripe_server, path, body, **headers)
    assert (answered, set(answer)) == (status, {"error"})
    assert stripe_server.controls.objects("customer") == []
    assert stripe_server.controls.objects("payment_intent") == []


def test_same_key_and_body_is_answered_again_and_another_body_is_refused(stripe_server):
    first = post(stripe_server, "/v1/customers", "email=a", Idempotency_Key="k")
    again = post(stripe_server, "/v1/customers", "email=a", Idempotency_Key="k")
    other = post(stripe_server, "/v1/customers", "email=b", Idempotency_Key="k")
    assert again[:2] == first[:2]
    assert first[2]["Idempotent-Replayed"] is None
    assert again[2]["Idempotent-Replayed"] == "true"
    assert (other[0], other[1]["error"]["type"]) == (400, "idempotency_error")
    assert len(stripe_server.controls.objects("customer")) == 1


def test_key_of_a_call_with_a_missing_parameter_can_be_used_again(stripe_server):
    assert post(stripe_server, "/v1/payment_intents", "currency=aed", Idempotency_Key="k")[0] == 400
    body = "currency=aed&amount=5000"
    assert post(stripe_server, "/v1/payment_intents", body, Idempotency_Key="k")[0] == 200


def test_two_calls_at_once_with_one_key_have_one_effect(stripe_server):
    answers = []

    def create():
        answers.append(post(stripe_server, "/v1/customers", "email=a", Idempotency_Key="k")[0])

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert set(answers) <= {200, 409}
    assert 200 in answers
    assert len(stripe_server.controls.objects("customer")) == 1


def test_payer_needs_the_client_secret_and_can_do_nothing_else(
    stripe_server, stripe_provider, stripe_account
):
    made = stripe_provider.create_payment(request(stripe_account))
    payer = {"Authorization": f"Bearer {stripe_server.publishable_key}", "Stripe_Account": stripe_account}
    confirm = f"/v1/payment_intents/{made.external_id}/confirm"
    assert post(stripe_server, confirm, "payment_method=pm_card_visa", **payer)[0] == 400
    body = f"payment_method=pm_card_visa&client_secret={made.client_secret}"
    assert post(stripe_server, confirm, body, **payer)[1]["status"] == "requires_capture"
    capture = f"/v1/payment_intents/{made.external_id}/capture"
    assert post(stripe_server, capture, "", **payer)[0] == 403


def test_money_on_all_balances_is_what_came_in_less_what_left(stripe_server, stripe_provider, stripe_account):
    paid = captured(stripe_server, stripe_provider, stripe_account)
    stripe_provider.create_refund(paid.external_id, stripe_account, 10_000, fee=500, reference="r", key="r")
    stripe_provider.create_payout(stripe_account, 20_000, "AED", reference="p", key="p")
    stripe_fee = 85_000 * 29 // 1000 + 100
    ours, theirs = stripe_server.controls.balance()[0], stripe_server.controls.balance(stripe_account)[0]
    assert ours + theirs == 85_000 - 10_000 - 20_000 - stripe_fee


# --- Messages over the network


class Receiver(BaseHTTPRequestHandler):
    """Answers 500 as often as `failures` says, then 200; notes what came."""

    failures = 0
    received: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        cls = type(self)
        cls.failures -= 1
        if cls.failures < 0:
            cls.received.append((self.headers["Stripe-Signature"], body))
        self.send_response(500 if cls.failures >= 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[tuple[type[Receiver], str]]:
    handler = type("OneReceiver", (Receiver,), {"received": [], "failures": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_address[1]}/hook"
    server.shutdown()
    server.server_close()
    thread.join(TIMEOUT)


def listen(url: str) -> str:
    params = {"url": url, "enabled_events": ["payment_intent.succeeded"], "connect": True}
    return str(call(stripe_client().v1.webhook_endpoints.create, params=params)["secret"])


def test_messages_are_sent_signed_and_sent_again_until_they_are_taken(
    settings, stripe_server, stripe_provider, stripe_account, receiver
):
    handler, url = receiver
    handler.failures = 1
    settings.STRIPE_WEBHOOK_SECRETS = [listen(url)]
    paid = captured(stripe_server, stripe_provider, stripe_account)
    assert stripe_server.webhooks.settle(TIMEOUT)
    ((signature, body),) = handler.received
    event = stripe_provider.read_webhook(body, {"Stripe-Signature": signature})
    assert (event.kind, event.object_id) == ("payment_intent.succeeded", paid.external_id)
    assert stripe_server.webhooks.sent == {500: 1, 200: 1}


def test_delayed_copies_arrive_in_another_order(stripe_server, stripe_provider, stripe_account, receiver):
    handler, url = receiver
    listen(url)
    stripe_server.controls.webhooks(copies=2, delay_max=0.5)
    for number in range(8):
        captured(stripe_server, stripe_provider, stripe_account, reference=f"payment-{number}")
    assert stripe_server.webhooks.settle(TIMEOUT)
    ids = [json.loads(body)["id"] for _, body in handler.received]
    assert len(ids) == 16
    sent = [one["id"] for one in stripe_server.webhooks.events if one["type"] == "payment_intent.succeeded"]
    assert sorted(ids) == sorted(2 * sent)
    assert ids != sorted(ids)


# --- As a process


def test_process_answers_obeys_orders_and_ends_when_told():
    command = [sys.executable, "-m", "payments.testing.stripe_server", "0", "120"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url, key = process.stdout.readline().split()
            headers = {"Authorization": f"Bearer {key}", "Stripe-Version": API_VERSION}
            body = b"country=AE&capabilities[transfers][requested]=true"
            account = json.loads(
                urlopen(Request(f"{url}/v1/accounts", body, headers), timeout=TIMEOUT).read()
            )
            order = json.dumps({"account": account["id"]}).encode()
            urlopen(Request(f"{url}/control/complete_onboarding", order), timeout=TIMEOUT)
            seen = urlopen(Request(f"{url}/v1/accounts/{account['id']}", headers=headers), timeout=TIMEOUT)
            assert json.loads(seen.read())["capabilities"] == {"transfers": "active"}
            with pytest.raises(HTTPError):
                urlopen(Request(f"{url}/control/_found", b"{}"), timeout=TIMEOUT)
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()


def test_closed_server_answers_nobody(settings, stripe_server, stripe_provider):
    server = StripeServer().start()
    settings.STRIPE_API_BASE = server.url
    server.close()
    with pytest.raises(ProviderUnavailable):
        stripe_provider.fetch_account("acct_1")
