"""Webhooks: forged, doubled, early, late, reordered and lost ones end in the same state."""

import itertools
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.test import APIClient
from stripe import WebhookSignature

from payments.models import FinanceCase, Payment, Payout, Refund, WebhookEvent
from payments.providers.sandbox import webhooks as sandbox_webhooks
from payments.services import payments, payouts, polling, refunds, webhooks
from payments.tests import flows
from payments.tests.factories import start_card_payment
from payments.tests.memory_provider import SIGNATURE, MemoryProvider

Jobs = Callable[[], list[str]]
Told = list[tuple[str, str, str]]
_numbers = itertools.count(1)
URL = "/api/v1/payments/webhooks/memory"


def send(
    subject: str = "payment",
    object_id: str = "",
    *,
    event_id: str = "",
    signature: str = SIGNATURE,
    **body: Any,
) -> Any:
    """Send a webhook as the provider does."""
    body = {"id": event_id or f"evt_{next(_numbers)}", "subject": subject, "object": object_id} | body
    return APIClient().generic(
        "POST", URL, json.dumps(body), content_type="application/json", headers={"signature": signature}
    )


def test_a_webhook_is_stored_and_handled_by_a_job(memory: MemoryProvider, run_calls: Jobs) -> None:
    payment = flows.requires_action(memory)
    memory.pay(payment.external_id)
    response = send("payment", payment.external_id)
    assert (response.status_code, response.json()) == (200, {"success": True, "data": {"received": True}})
    assert WebhookEvent.objects.get().result == "waiting"
    assert "payments.handle_webhook" in run_calls()
    event = WebhookEvent.objects.get()
    assert (event.result, event.subject, event.error) == ("done", "payment", "")
    assert event.handled_at is not None
    payment.refresh_from_db()
    assert payment.state == "authorised"


def test_a_webhook_that_comes_twice_is_stored_and_handled_once(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = flows.requires_action(memory)
    run_calls()
    for _repeated in range(3):
        assert send("payment", payment.external_id, event_id="evt_same").status_code == 200
    assert WebhookEvent.objects.count() == 1
    assert run_calls() == ["payments.handle_webhook"]


def test_a_forged_webhook_is_refused_and_stores_nothing(memory: MemoryProvider) -> None:
    response = send("payment", "pa_1", signature="wrong")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "webhook_invalid")
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize(
    "body", ["", "not json", "[]", "{}", '{"id": 1}', '"text"', '{"id": "\\u0000", "subject": "x"}']
)
def test_a_signed_body_that_is_no_event_is_refused(memory: MemoryProvider, body: str) -> None:
    response = APIClient().generic(
        "POST", URL, body, content_type="application/json", headers={"signature": SIGNATURE}
    )
    assert (response.status_code, response.json()["error"]["code"]) == (400, "webhook_invalid")
    assert not WebhookEvent.objects.exists()


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def send_signed(provider: str, body: str) -> Any:
    """Send a body with the provider's right signature."""
    headers = sandbox_webhooks.signed_headers(body.encode())
    if provider == "stripe":
        at = int(time.time())
        headers = {
            "Stripe-Signature": WebhookSignature.generate_signature_header(body, "whsec_of_this_test", at)
        }
    return APIClient().generic(
        "POST",
        f"/api/v1/payments/webhooks/{provider}",
        body,
        content_type="application/json",
        headers=headers,
    )


SANDBOX_EVENT = '{"id": "e", "type": "t", "subject": "payment", "object": "pay_1", "account": "", "more": 1}'
STRIPE_EVENT = (
    '{"id": "e", "type": "payment_intent.succeeded", "account": "acct_1", "data": {"object": {"id": "pi_1"}},'
    ' "more": 1}'
)
ODD = ("7", "true", "{}", "[]", '"\\ud800"', nested(300), nested(990), nested(5_000))
ODD_MESSAGES = [
    *(
        ("sandbox", SANDBOX_EVENT.replace(f'"{name}": "{value}"', f'"{name}": {odd}'))
        for name, value in (("id", "e"), ("type", "t"), ("object", "pay_1"), ("account", ""))
        for odd in (*ODD, "null")
    ),
    *(
        ("stripe", STRIPE_EVENT.replace(f'"{name}": "{value}"', f'"{name}": {odd}'))
        for name, value in (
            ("id", "e"),
            ("type", "payment_intent.succeeded"),
            ("account", "acct_1"),
            ("id", "pi_1"),
        )
        for odd in ODD
    ),
    ("stripe", STRIPE_EVENT.replace('"id": "e"', '"id": null')),
    ("stripe", STRIPE_EVENT.replace('"payment_intent.succeeded"', "null")),
    *(
        (provider, event.replace('"more": 1', f'"more": {odd}'))
        for provider, event in (("sandbox", SANDBOX_EVENT), ("stripe", STRIPE_EVENT))
        for odd in (nested(254), nested(300), nested(1_000), nested(20_000), '"\\ud800"')
    ),
]


@pytest.mark.parametrize(("provider", "body"), ODD_MESSAGES, ids=range(len(ODD_MESSAGES)))
def test_a_rightly_signed_message_with_odd_content_is_refused(
    provider: str, body: str, settings: Any, db: None
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_of_this_test"]
    response = send_signed(provider, body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "webhook_invalid")
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize(
    ("provider", "body"), [("sandbox", SANDBOX_EVENT), ("stripe", STRIPE_EVENT)], ids=["sandbox", "stripe"]
)
def test_a_rightly_signed_message_may_have_more_in_it(
    provider: str, body: str, settings: Any, db: None
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_of_this_test"]
    more = f'{{"deep": {nested(100)}, "large": 99999999999999999999, "none": null}}'
    assert send_signed(provider, body.replace('"more": 1', f'"more": {more}')).status_code == 200
    assert WebhookEvent.objects.get().event_id == "e"


def test_a_webhook_of_an_unknown_provider_is_not_found(memory: MemoryProvider) -> None:
    for name in ("tap", "in_person"):
        assert APIClient().post(f"/api/v1/payments/webhooks/{name}", {}).status_code == 404


def test_a_webhook_that_is_too_large_is_refused(memory: MemoryProvider, settings: Any) -> None:
    settings.WEBHOOK_MAX_BYTES = 1000
    response = send("payment", "pa_1", padding="x" * 1000)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")
    assert "/api/v1/payments/webhooks/" in django_settings.BODY_MAX_BYTES_BY_PATH
    assert not WebhookEvent.objects.exists()


def test_a_webhook_takes_two_statements_in_a_transaction(memory: MemoryProvider) -> None:
    send()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        send()
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 2, statements


def test_a_webhook_is_kept_without_what_opens_a_payers_form(memory: MemoryProvider) -> None:
    send(
        "payment",
        "pa_1",
        data={
            "object": {"client_secret": "pa_1_secret", "amount": 5},
            "list": [{"billing_details": {"name": "Sara"}}],
        },
        nul="a\u0000b",
    )
    body = WebhookEvent.objects.get().body
    assert body["data"] == {"object": {"amount": 5}, "list": [{}]}
    assert body["nul"] == "ab"


def test_a_webhook_about_what_is_not_ours_is_ignored(memory: MemoryProvider) -> None:
    foreign_refund = memory.refund_by_hand("pa_of_others", 100)
    foreign_chargeback = memory.charge_back("pa_of_others", 100)
    results = []
    for subject, object_id in [
        ("refund", foreign_refund),
        ("chargeback", foreign_chargeback),
        ("account", "acct_of_others"),
        ("card_setup", "seti_of_others"),
        ("invoice", "in_1"),
        ("", ""),
    ]:
        event = flows.webhook(subject, object_id)
        webhooks.handle_webhook(event.pk)
        event.refresh_from_db()
        results.append(event.result)
    assert results == ["ignored"] * 6
    assert (Refund.objects.count(), FinanceCase.objects.count()) == (0, 0)


def test_a_webhook_about_an_object_that_the_provider_does_not_know_fails(memory: MemoryProvider) -> None:
    event = flows.webhook("payment", "pa_unknown")
    webhooks.handle_webhook(event.pk)
    event.refresh_from_db()
    assert (event.result, event.error) == ("failed", "resource_missing")


def test_a_webhook_that_comes_before_the_answer_of_our_call_attaches_the_payment(
    memory: MemoryProvider, run_calls: Jobs, told: Told
) -> None:
    payment = start_card_payment()

    def webhook_first() -> None:
        (external_id,) = memory.memory.payments
        memory.pay(external_id)
        webhooks.handle_webhook(flows.webhook("payment", external_id).pk)

    memory.during["create_payment"] = webhook_first
    assert run_calls() == ["payments.create"]
    payment.refresh_from_db()
    assert (payment.state, payment.external_id) == ("authorised", "pa_1")
    assert told == [("payment", "created", "authorised")]  # the answer, which came later, is older news


def test_a_webhook_finds_the_payment_whose_answer_was_lost(memory: MemoryProvider) -> None:
    payment = start_card_payment()
    memory.fail("create_payment", has_effect=True)
    with pytest.raises(Exception, match="does not answer"):
        payments.create_at_provider(payment.pk)
    payment.refresh_from_db()
    assert (payment.state, payment.external_id) == ("created", "")
    webhooks.handle_webhook(flows.webhook("payment", "pa_1").pk)
    payment.refresh_from_db()
    assert (payment.state, payment.external_id) == ("requires_action", "pa_1")
    assert memory.memory.effects["create_payment"] == 1


def test_webhooks_find_the_refund_and_the_payout_whose_answers_were_lost(memory: MemoryProvider) -> None:
    payment = flows.released(memory)
    refund = flows.requested_refund(payment, "100.00")
    memory.fail("create_refund", has_effect=True)
    with pytest.raises(Exception, match="does not answer"):
        refunds.refund_at_provider(refund.pk)
    (refund_id,) = memory.memory.refunds
    memory.settle_refund(refund_id, "succeeded")
    webhooks.handle_webhook(flows.webhook("refund", refund_id).pk)
    refund.refresh_from_db()
    assert (refund.state, refund.external_id) == ("succeeded", refund_id)

    assert payment.account_id is not None
    memory.fail("create_payout", has_effect=True)
    with pytest.raises(Exception, match="does not answer"):
        payouts.pay_out(payment.account_id)
    (payout_id,) = memory.memory.payouts
    memory.settle_payout(payout_id, "paid")
    webhooks.handle_webhook(flows.webhook("payout", payout_id).pk)
    payout = Payout.objects.get()
    assert (payout.state, payout.external_id) == ("paid", payout_id)


def test_webhooks_in_any_order_end_in_the_same_state(memory: MemoryProvider, told: Told) -> None:
    payment = flows.authorised(memory)
    payments.capture_payment(payment_id=payment.pk)
    payments.capture_at_provider(payment.pk)
    # Those of earlier states come after it.
    for _late in range(3):
        webhooks.handle_webhook(flows.webhook("payment", payment.external_id).pk)
    payment.refresh_from_db()
    assert payment.state == "captured"
    assert [state for _row, _previous, state in told] == ["requires_action", "authorised", "captured"]


def test_a_webhook_is_handled_again_when_the_provider_gave_no_answer(memory: MemoryProvider) -> None:
    payment = flows.requires_action(memory)
    memory.pay(payment.external_id)
    event = flows.webhook("payment", payment.external_id)
    memory.fail("fetch_payment")
    with pytest.raises(Exception, match="does not answer"):
        webhooks.handle_webhook(event.pk)
    event.refresh_from_db()
    assert event.result == "waiting"
    webhooks.handle_webhook(event.pk)
    event.refresh_from_db()
    payment.refresh_from_db()
    assert (event.result, payment.state) == ("done", "authorised")


def test_lost_webhooks_are_made_up_for_by_asking_again(memory: MemoryProvider, run_calls: Jobs) -> None:
    paid, waiting = flows.requires_action(memory), flows.requires_action(memory)
    run_calls()
    memory.pay(paid.external_id)
    assert polling.poll_unsettled() == 0  # too early
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    assert polling.poll_unsettled() == 2
    assert polling.poll_unsettled() == 0  # asked a moment ago
    assert run_calls() == ["payments.refresh"] * 2
    paid.refresh_from_db()
    waiting.refresh_from_db()
    assert (paid.state, waiting.state) == ("authorised", "requires_action")


def test_a_payout_that_the_bank_returned_is_found_without_a_webhook(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payout = flows.paid_out(memory)
    run_calls()
    memory.settle_payout(payout.external_id, "failed", "account_closed")
    Payout.objects.update(asked_at=timezone.now() - timedelta(days=2))
    assert polling.poll_unsettled() == 1
    run_calls()
    payout.refresh_from_db()
    assert (payout.state, payout.failure_code) == ("failed", "account_closed")


def test_a_provider_that_is_silent_for_a_day_is_a_case_and_asked_again(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = flows.captured(memory)
    refund = flows.requested_refund(payment, "100.00")
    memory.fail("create_refund")
    with pytest.raises(Exception, match="does not answer"):
        refunds.refund_at_provider(refund.pk)
    ProcrastinateJob.objects.filter(task_name__startswith="payments.").delete()  # all attempts are used up
    Refund.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert polling.poll_unsettled() == 1
    case = FinanceCase.objects.get()
    assert (case.kind, case.theirs, case.payment) == ("refund_failed", {"state": "no answer"}, payment)
    assert "payments.refund" in run_calls()
    refund.refresh_from_db()
    assert refund.state == "pending"


def test_a_row_with_a_pending_job_is_not_asked_about_again(memory: MemoryProvider) -> None:
    payment = start_card_payment()  # its job waits
    Payment.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert polling.poll_unsettled() == 0
    payment.refresh_from_db()
    assert payment.asked_at is not None


def test_old_webhooks_are_deleted_once_they_are_handled(memory: MemoryProvider) -> None:
    old, waiting, new = (flows.webhook("payment", "pa_1") for _ in range(3))
    long_ago = timezone.now() - timedelta(days=100)
    WebhookEvent.objects.filter(pk__in=[old.pk, waiting.pk]).update(received_at=long_ago)
    WebhookEvent.objects.filter(pk__in=[old.pk, new.pk]).update(result="done")
    assert webhooks.delete_old_webhooks() == 1
    assert set(WebhookEvent.objects.values_list("pk", flat=True)) == {waiting.pk, new.pk}


def test_a_webhook_whose_job_is_gone_is_handled_after_some_minutes(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    start_card_payment()
    run_calls()
    payment = Payment.objects.get()
    memory.pay(payment.external_id)
    send(object_id=payment.external_id)
    ProcrastinateJob.objects.filter(task_name="payments.handle_webhook").delete()
    assert webhooks.enqueue_forgotten_webhooks() == 0
    WebhookEvent.objects.update(received_at=timezone.now() - timedelta(minutes=11))
    assert [webhooks.enqueue_forgotten_webhooks(), webhooks.enqueue_forgotten_webhooks()] == [1, 0]
    run_calls()
    payment.refresh_from_db()
    assert payment.state in (Payment.State.AUTHORISED, Payment.State.CAPTURED)
    assert WebhookEvent.objects.get().result == WebhookEvent.Result.DONE
