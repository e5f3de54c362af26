"""A sale's whole way through our services and Stripe's server, however its messages arrive."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.management import call_command
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from accounts.tests.factories import make_seller
from payments.models import EntryLine, FinanceCase, Payment, Payout, Refund, WebhookEvent
from payments.providers.stripe.client import stripe_client
from payments.serializers import payment_body
from payments.services import payments, payouts, polling, refunds
from payments.services.reconciliation import reconcile_day
from payments.testing.stripe_server import StripeServer
from payments.testing.stripe_server.events import Delivery
from payments.tests.factories import make_account, start_card_payment

pytestmark = pytest.mark.django_db
RunJobs = Callable[[], list[str]]
Arrival = Callable[[list[Delivery]], list[Delivery]]

# How the messages of one step arrive.
ARRIVALS: dict[str, Arrival] = {
    "twice": lambda sent: [*sent, *sent],
    "backwards": lambda sent: sent[::-1],
    "every second lost": lambda sent: sent[::2],
    "all lost": lambda sent: [],
}
all_arrivals = pytest.mark.parametrize("world", list(ARRIVALS), indirect=True)


class World:
    """Our side and Stripe's, in one process."""

    def __init__(self, server: StripeServer, account: str, run_jobs: RunJobs, arrival: Arrival) -> None:
        self.server = server
        self.controls = server.controls
        self.run_jobs = run_jobs
        self.seller = make_seller()
        self.account = make_account(self.seller, provider="stripe", external_id=account)
        self._arrival = arrival
        self._sent: list[Delivery] = []
        self._client = Client()
        self._days = 0
        self._are_lost = arrival in (ARRIVALS["every second lost"], ARRIVALS["all lost"])

    def post(self, delivery: Delivery) -> int:
        path = urlsplit(delivery.url).path
        headers = delivery.headers()
        return self._client.post(
            path,
            delivery.body,
            content_type="application/json",
            headers={"Stripe-Signature": headers["Stripe-Signature"]},
        ).status_code

    def go_on(self) -> None:
        """Run our jobs, let Stripe's messages arrive, and where some are lost, ask again later."""
        self.run_jobs()
        sent = self.server.webhooks.take()
        self._sent += sent
        for delivery in self._arrival(sent):
            assert self.post(delivery) == 200
        self.run_jobs()
        if not self._are_lost:
            return
        self._days += 2  # each time later than the last: what was asked about rests for a while
        with time_machine.travel(timezone.now() + timedelta(days=self._days)):
            polling.poll_unsettled()
            self.run_jobs()

    def tell_everything_again(self) -> None:
        """Let all messages arrive once more, the newest first: each is old news by now."""
        for delivery in reversed(self._sent):
            assert self.post(delivery) == 200
        self.run_jobs()

    def payment(self) -> Payment:
        payment = start_card_payment(seller=self.seller)
        self.go_on()
        payment.refresh_from_db()
        return payment

    def captured(self, card: str = "pm_card_visa") -> Payment:
        payment = self.payment()
        assert payment.state == Payment.State.REQUIRES_ACTION
        self.controls.pay(payment.external_id, card)
        self.go_on()
        payment.refresh_from_db()
        assert payment.state == Payment.State.AUTHORISED
        payments.capture_payment(payment_id=payment.pk)
        self.go_on()
        payment.refresh_from_db()
        assert payment.state == Payment.State.CAPTURED
        return payment

    def refund(self, payment: Payment, amount: str) -> Refund:
        refund = refunds.request_refund(
            payment=payment, amount=Decimal(amount), reason=Refund.Reason.GOODWILL, requested_by=None
        )
        self.go_on()
        refund.refresh_from_db()
        return refund

    def pay_out(self, payment: Payment) -> Payout:
        payouts.release(payment=payment)
        self.go_on()
        return Payout.objects.latest("created_at")

    def end(self) -> dict[str, Any]:
        """Return everything that must not depend on how messages arrived."""
        lines = EntryLine.objects.values("account").annotate(sum=Sum("amount")).exclude(sum=0)
        return {
            "payments": list(Payment.objects.values_list("state", "refunded", "amount")),
            "refunds": sorted(Refund.objects.values_list("state", "amount", "fee")),
            "payouts": sorted(Payout.objects.values_list("state", "amount", "failure_code")),
            "ledger": dict(lines.values_list("account", "sum")),
            "theirs": self.controls.balance(self.account.external_id),
        }


@pytest.fixture
def world(request, settings, stripe_server, stripe_account, run_jobs):
    settings.CARD_PROVIDER = "stripe"
    out = StringIO()
    call_command("payments_webhook", stdout=out)
    settings.STRIPE_WEBHOOK_SECRETS = [
        line for line in out.getvalue().splitlines() if line.startswith("whsec_")
    ]
    stripe_server.controls.webhooks(hold=True)
    world = World(stripe_server, stripe_account, run_jobs, ARRIVALS[getattr(request, "param", "backwards")])
    yield world
    before = world.end()
    world.tell_everything_again()
    assert world.end() == before
    assert not FinanceCase.objects.filter(kind=FinanceCase.Kind.AMOUNT_MISMATCH).exists()
    call_command("ledger", "check", stdout=StringIO())


@all_arrivals
def test_sale_is_paid_refunded_in_part_released_paid_out_and_returned_by_the_bank(world):
    payment = world.captured()
    refund = world.refund(payment, "333.33")
    assert (refund.state, refund.fee) == (Refund.State.SUCCEEDED, 1_667)
    payout = world.pay_out(payment)
    assert (payout.state, payout.amount) == (Payout.State.ON_ITS_WAY, 49_084)
    world.controls.pay_payout(payout.external_id)
    world.go_on()
    payout.refresh_from_db()
    assert payout.state == Payout.State.PAID
    world.controls.return_payout(payout.external_id)
    world.go_on()
    assert world.end() == {
        "payments": [("captured", 33_333, 85_000)],
        "refunds": [("succeeded", 33_333, 1_667)],
        "payouts": [("failed", 49_084, "account_closed")],
        "ledger": {
            "fees": -2_460,
            "vat": -123,
            "provider_clearing": 51_667,
            "seller_available": -49_084,
        },
        "theirs": [49_084, 0],
    }


def test_refund_that_comes_back_after_it_succeeded_is_undone(world):
    payment = world.captured()
    refund = world.refund(payment, "850.00")
    assert refund.state == Refund.State.SUCCEEDED
    world.controls.fail_refund(refund.external_id)
    world.go_on()
    end = world.end()
    assert end["refunds"] == [("failed", 85_000, 4_250)]
    assert end["payments"] == [("captured", 0, 85_000)]
    assert end["ledger"]["provider_clearing"] == 85_000


@pytest.mark.parametrize("world", ["backwards", "every second lost"], indirect=True)
def test_chargeback_is_recorded_and_given_back_when_it_is_won(world):
    payment = world.captured()
    dispute = world.controls.charge_back(payment.external_id)
    world.go_on()
    assert payment.chargebacks.get().state == "open"
    assert world.end()["ledger"]["disputes"] == 85_000
    world.controls.close_dispute(dispute, won=True)
    world.go_on()
    assert payment.chargebacks.get().state == "won"
    assert world.end()["ledger"].get("disputes", 0) == 0


def test_banks_question_about_a_payment_books_nothing(world):
    payment = world.captured()
    before = world.end()
    world.controls.charge_back(payment.external_id, inquiry=True)
    world.go_on()
    assert world.end() == before
    assert not payment.chargebacks.exists()


def test_nightly_comparison_agrees_to_the_fils_and_finds_what_moved_without_us(world):
    with time_machine.travel(datetime(2026, 11, 3, 8, tzinfo=UTC)) as traveller:
        payment = world.captured()
        world.refund(payment, "333.33")
        world.refund(world.captured(), "850.00")
        payout = world.pay_out(payment)
        world.controls.return_payout(payout.external_id)
        world.controls.close_dispute(world.controls.charge_back(world.captured().external_id), won=True)
        world.go_on()
        traveller.shift(timedelta(days=1))
        day = date(2026, 11, 3)
        assert reconcile_day("stripe", day).differences == 0
        assert world.end()["ledger"]["provider_fees"] == -sum(
            one["amount"]
            for one in world.controls.objects("balance_transaction")
            if one["type"] == "stripe_fee"
        )
        traveller.shift(timedelta(days=-1))
        world.controls.move(world.account.external_id, -1)
        traveller.shift(timedelta(days=1))
        assert reconcile_day("stripe", day).differences == 1


def test_payer_alone_is_told_what_opens_stripes_form(world):
    payment = world.payment()
    body = payment_body(payment, payment.payer)
    secret = world.controls.object(payment.external_id)["client_secret"]
    assert body["client_secret"] == secret
    assert body["client_settings"] == {
        "publishable_key": world.server.publishable_key,
        "account": world.account.external_id,
    }
    others = payment_body(payment, world.seller)
    assert (others["client_secret"], others["client_settings"]) == (None, None)


def test_cancelled_payment_charges_nobody(world):
    payment = world.payment()
    world.controls.pay(payment.external_id)
    world.go_on()
    payment.refresh_from_db()
    payments.cancel_payment(payment=payment)
    world.go_on()
    payment.refresh_from_db()
    assert payment.state == Payment.State.CANCELLED
    assert world.end()["ledger"] == {}
    assert world.end()["theirs"] == [0, 0]


def test_forged_message_is_refused_and_stores_nothing(world):
    payment = world.payment()
    world.controls.pay(payment.external_id)
    sent = world.server.webhooks.take()
    forged = [Delivery(one.event_id, one.kind, one.url, one.body, "whsec_of_somebody_else") for one in sent]
    assert [world.post(one) for one in forged] == [400] * len(sent)
    world.run_jobs()
    payment.refresh_from_db()
    assert payment.state == Payment.State.REQUIRES_ACTION
    assert not WebhookEvent.objects.exists()


def test_message_about_another_platforms_payment_is_ignored(world, stripe_provider):
    other = stripe_provider.create_account(reference="o", email="o@example.com", country="AE", key="o")
    world.controls.complete_onboarding(other.external_id)
    world.server.webhooks.take()
    made = stripe_client().v1.payment_intents.create(
        params={"amount": 5_000, "currency": "aed"}, options={"stripe_account": other.external_id}
    )
    world.controls.pay(made.id)
    for delivery in world.server.webhooks.take():
        assert world.post(delivery) == 200
    world.run_jobs()
    assert set(WebhookEvent.objects.values_list("result", flat=True)) == {"ignored"}
    assert world.end()["ledger"] == {}
