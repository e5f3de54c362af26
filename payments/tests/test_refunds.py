"""Refunds and chargebacks: never more than was paid, two people above a limit, failures after a success."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.utils import timezone

from accounts.tests.factories import make_staff, make_user
from payments.models import EntryLine, FinanceCase, Payment, Refund
from payments.providers.base import ProviderRefused
from payments.services import ledger, payments, payouts, polling, refunds, webhooks
from payments.tests import flows
from payments.tests.factories import start_in_person_payment
from payments.tests.memory_provider import MemoryProvider
from soukloop.core.errors import Conflict, Forbidden, Unavailable, ValidationFailed

Account = EntryLine.Account
Jobs = Callable[[], list[str]]
Told = list[tuple[str, str, str]]


def balances(payment: Payment) -> dict[str, int]:
    """Return what the ledger has for a payment, without empty accounts."""
    own = (Account.SELLER_PENDING, Account.SELLER_AVAILABLE, Account.SELLER_ON_ITS_WAY)
    shared = (Account.PROVIDER_CLEARING, Account.FEES, Account.VAT, Account.DISPUTES, Account.REFUNDS)
    sums = {account.value: ledger.balance(account, payment.payee) for account in own}
    sums |= {account.value: ledger.balance(account) for account in shared}
    return {account: amount for account, amount in sums.items() if amount}


AFTER_CAPTURE = {"provider_clearing": 85_000, "seller_pending": -80_750, "fees": -4_048, "vat": -202}


# --- Refunds


def test_a_refund_in_full_gives_everything_back(memory: MemoryProvider, told: Told) -> None:
    payment = flows.captured(memory)
    assert balances(payment) == AFTER_CAPTURE
    refund = flows.refunded(memory, payment)
    assert (refund.state, refund.fee, payment.refunded) == ("succeeded", 4_250, 85_000)
    assert balances(payment) == {}
    assert told[-2:] == [("refund", "requested", "pending"), ("refund", "pending", "succeeded")]


def test_parts_that_are_refunded_add_up_to_the_whole_with_its_fee(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    parts = [flows.refunded(memory, payment, amount) for amount in ("333.33", "333.33", "183.34")]
    assert sum(refund.fee for refund in parts) == 4_250
    assert (payment.refunded, balances(payment)) == (85_000, {})


def test_a_refund_of_more_than_was_paid_is_refused(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    with pytest.raises(Conflict) as refusal:
        flows.requested_refund(payment, "850.01")
    assert (refusal.value.code, Refund.objects.count()) == ("refund_too_large", 0)


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "0.001", "1.005", "NaN", "sNaN", "Infinity", "1E+30"])
def test_a_refund_of_what_is_no_amount_of_money_is_refused(memory: MemoryProvider, amount: str) -> None:
    payment = flows.captured(memory)
    with pytest.raises((ValidationFailed, Conflict)) as refusal:
        flows.requested_refund(payment, amount)
    assert refusal.type is (Conflict if amount == "1E+30" else ValidationFailed)
    assert Refund.objects.count() == 0


def test_refunds_that_are_on_their_way_count_as_gone(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    flows.requested_refund(payment, "500.00")
    with pytest.raises(Conflict) as refusal:
        flows.requested_refund(payment, "350.01")
    assert refusal.value.code == "refund_too_large"
    flows.requested_refund(payment, "350.00")


def test_a_payment_whose_capture_is_not_known_yet_is_not_refunded(memory: MemoryProvider) -> None:
    payment = flows.authorised(memory)
    payments.capture_payment(payment_id=payment.pk)
    memory.fail("capture_payment", has_effect=True)
    with pytest.raises(Unavailable):
        payments.capture_at_provider(payment.pk)
    with pytest.raises(Conflict) as refusal:
        flows.requested_refund(payment)
    assert (refusal.value.status, refusal.value.code) == (409, "payment_not_captured")
    assert not Refund.objects.exists()


@pytest.mark.parametrize("has_effect", [False, True])
def test_a_refund_without_an_answer_is_made_once(memory: MemoryProvider, *, has_effect: bool) -> None:
    refund = flows.requested_refund(flows.captured(memory), "100.00")
    memory.fail("create_refund", has_effect=has_effect)
    with pytest.raises(Unavailable):
        refunds.refund_at_provider(refund.pk)
    for _repeated in range(2):
        refunds.refund_at_provider(refund.pk)
    refund.refresh_from_db()
    assert (refund.state, len(memory.memory.refunds)) == ("pending", 1)


def test_a_refused_refund_fails_opens_a_case_and_can_be_tried_again(
    memory: MemoryProvider, told: Told
) -> None:
    staff, payment = make_staff(), flows.captured(memory)
    refund = flows.requested_refund(payment, "100.00")
    memory.fail("create_refund", ProviderRefused("balance_insufficient"))
    refunds.refund_at_provider(refund.pk)
    refund.refresh_from_db()
    assert (refund.state, refund.failure_code) == ("failed", "balance_insufficient")
    assert told[-1] == ("refund", "requested", "failed")
    case = FinanceCase.objects.get()
    assert (case.kind, case.theirs["failure_code"]) == ("refund_failed", "balance_insufficient")
    assert balances(payment) == AFTER_CAPTURE

    again = refunds.retry_refund(actor=staff, refund_id=refund.pk)
    assert (again.amount, again.reason) == (refund.amount, refund.reason)
    refunds.refund_at_provider(again.pk)
    again.refresh_from_db()
    assert again.state == "pending"
    with pytest.raises(Conflict) as refusal:
        refunds.retry_refund(actor=staff, refund_id=again.pk)
    assert refusal.value.code == "refund_not_failed"


def test_a_refund_that_fails_after_it_had_succeeded_takes_everything_back(
    memory: MemoryProvider, told: Told
) -> None:
    payment = flows.captured(memory)
    refund = flows.refunded(memory, payment, "100.00")
    assert balances(payment) != AFTER_CAPTURE
    memory.settle_refund(refund.external_id, "failed", "lost_or_stolen_card")
    webhooks.handle_webhook(flows.webhook("refund", refund.external_id).pk)
    refund.refresh_from_db()
    payment.refresh_from_db()
    assert (refund.state, payment.refunded) == ("failed", 0)
    assert balances(payment) == AFTER_CAPTURE
    assert told[-1] == ("refund", "succeeded", "failed")
    assert FinanceCase.objects.get().kind == "refund_failed"
    flows.refunded(memory, payment)  # there is room for another again


def test_a_refund_that_was_made_at_the_provider_is_recorded_with_a_case(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    external_id = memory.refund_by_hand(payment.external_id, 10_000)
    for _repeated in range(2):
        webhooks.handle_webhook(flows.webhook("refund", external_id).pk)
    payment.refresh_from_db()
    refund = Refund.objects.get()
    assert (refund.state, refund.amount, refund.requested_by) == ("succeeded", 10_000, None)
    assert payment.refunded == 10_000
    assert refund.fee == 500
    assert FinanceCase.objects.get().kind == "difference"


@pytest.mark.parametrize(
    "broken", ["payments.services.ledger.post_refund", "payments.services.questions.open_case"]
)
def test_a_refund_that_was_made_at_the_provider_is_recorded_whole_or_not_at_all(
    memory: MemoryProvider, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    payment = flows.captured(memory)
    external_id = memory.refund_by_hand(payment.external_id, 10_000)
    event = flows.webhook("refund", external_id)
    with monkeypatch.context() as patched:
        patched.setattr(broken, Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            webhooks.handle_webhook(event.pk)
    assert (Refund.objects.count(), FinanceCase.objects.count()) == (0, 0)
    webhooks.handle_webhook(event.pk)
    assert Refund.objects.get().state == "succeeded"


def test_a_refund_that_is_requested_although_the_provider_made_it_is_only_asked_about(
    memory: MemoryProvider, run_calls: Jobs
) -> None:
    payment = flows.captured(memory)
    external_id = memory.refund_by_hand(payment.external_id, 10_000)
    refund = Refund.objects.create(  # as a worker once left it that was killed between two transactions
        payment=payment,
        amount=10_000,
        reason=Refund.Reason.GOODWILL,
        external_id=external_id,
        created_at=timezone.now() - timedelta(hours=1),
    )
    refunds.refund_at_provider(refund.pk)
    run_calls()  # those of the payment itself
    assert polling.poll_unsettled() == 1
    assert run_calls() == ["payments.refresh"]
    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert list(memory.memory.refunds) == [external_id]


def test_a_refund_of_too_much_that_was_made_at_the_provider_changes_nothing(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    external_id = memory.refund_by_hand(payment.external_id, 85_001)
    webhooks.handle_webhook(flows.webhook("refund", external_id).pk)
    assert (Refund.objects.count(), balances(payment)) == (0, AFTER_CAPTURE)
    assert FinanceCase.objects.get().theirs["amount"] == 85_001


def test_a_refund_after_the_payout_becomes_the_sellers_debt(memory: MemoryProvider) -> None:
    payout = flows.paid_out(memory)
    payment = Payment.objects.get()
    flows.refunded(memory, payment)
    assert balances(payment) == {"provider_clearing": -80_750, "seller_available": 80_750}
    assert payouts.available_to(payout.account) == -80_750
    payouts.pay_out(payout.account_id)
    assert payout.account.payouts.count() == 1
    # The next sale pays the debt off first.
    again = flows.released(memory, amount="1000.00", fee="50.00", seller=payment.payee)
    assert payouts.available_to(payout.account) == 95_000 - 80_750
    payouts.pay_out(again.account_id)  # type: ignore[arg-type]
    assert payout.account.payouts.latest("created_at").amount == 14_250


def test_a_refund_of_a_sale_in_person_waives_the_fee_in_proportion_at_once(
    memory: MemoryProvider, run_calls: Jobs, told: Told
) -> None:
    payment = payments.capture_in_person(payment=start_in_person_payment())
    refund = flows.requested_refund(payment, "425.00")
    payment.refresh_from_db()
    assert (refund.state, payment.refunded) == ("succeeded", 42_500)
    assert ledger.balance(Account.FEE_DEBT, payment.payee) == 2_125
    flows.requested_refund(payment, "425.00")
    assert ledger.balance(Account.FEE_DEBT, payment.payee) == 0
    assert (run_calls(), memory.memory.calls) == ([], {})
    assert told[-1] == ("refund", "requested", "succeeded")


# --- Two people


def test_a_large_refund_by_staff_waits_for_a_second_person(memory: MemoryProvider, run_calls: Jobs) -> None:
    first, second = make_staff(), make_staff()
    payment = flows.captured(memory, amount="2000.00", fee="100.00")
    run_calls()
    refund = flows.requested_refund(payment, "1000.01", requested_by=first)
    assert (refund.state, run_calls()) == ("waiting", [])
    with pytest.raises(Conflict) as refusal:
        refunds.approve_refund(actor=first, refund_id=refund.pk)
    assert refusal.value.code == "refund_needs_second_person"
    with pytest.raises(Forbidden):
        refunds.approve_refund(actor=make_user(is_staff=True), refund_id=refund.pk)
    refund = refunds.approve_refund(actor=second, refund_id=refund.pk)
    assert (refund.state, refund.approved_by, run_calls()) == ("requested", second, ["payments.refund"])
    with pytest.raises(Conflict) as refusal:
        refunds.approve_refund(actor=second, refund_id=refund.pk)
    assert refusal.value.code == "refund_not_waiting"


def test_a_rejected_refund_leaves_room_for_others(memory: MemoryProvider, told: Told) -> None:
    payment = flows.captured(memory, amount="2000.00", fee="100.00")
    refund = flows.requested_refund(payment, "2000.00", requested_by=make_staff())
    with pytest.raises(Conflict):
        flows.requested_refund(payment, "0.01")
    refund = refunds.reject_refund(actor=make_staff(), refund_id=refund.pk, reason="not ours")
    assert (refund.state, told[-1]) == ("rejected", ("refund", "waiting", "rejected"))
    flows.requested_refund(payment, "2000.00")


@pytest.mark.parametrize(
    ("amount", "by_staff", "state"),
    [("1000.00", True, "requested"), ("1000.01", True, "waiting"), ("2000.00", False, "requested")],
)
def test_only_large_refunds_by_staff_wait(
    memory: MemoryProvider, amount: str, by_staff: Any, state: str
) -> None:
    payment = flows.captured(memory, amount="2000.00", fee="100.00")
    person = make_staff() if by_staff else None
    assert flows.requested_refund(payment, amount, requested_by=person).state == state


def test_small_refunds_of_one_payment_add_up_for_the_limit(memory: MemoryProvider) -> None:
    payment = flows.captured(memory, amount="5000.00", fee="250.00")
    staff = make_staff()
    states = [flows.requested_refund(payment, "400.00", requested_by=staff).state for _ in range(4)]
    assert states == ["requested", "requested", "waiting", "waiting"]
    assert flows.requested_refund(payment, "400.00", requested_by=make_staff()).state == "waiting"


def test_a_refund_is_approved_only_while_it_can_still_be_made(memory: MemoryProvider) -> None:
    payment = flows.captured(memory, amount="2000.00", fee="100.00")
    refund = flows.requested_refund(payment, "2000.00", requested_by=make_staff())
    external_id = charge_back(memory, payment, 200_000)
    with pytest.raises(Conflict) as refusal:
        refunds.approve_refund(actor=make_staff(), refund_id=refund.pk)
    assert refusal.value.code == "refund_too_large"
    refund.refresh_from_db()
    assert (refund.state, refund.approved_by) == ("waiting", None)
    decide(memory, payment, external_id, "won")
    assert refunds.approve_refund(actor=make_staff(), refund_id=refund.pk).state == "requested"


def test_a_failed_refund_is_tried_again_once_and_its_retry_is_linked(memory: MemoryProvider) -> None:
    staff, payment = make_staff(), flows.captured(memory)
    failed = flows.requested_refund(payment, "100.00")
    memory.fail("create_refund", ProviderRefused("balance_insufficient"))
    refunds.refund_at_provider(failed.pk)
    again = refunds.retry_refund(actor=staff, refund_id=failed.pk)
    assert again.retry_of == failed
    for _click in range(2):
        with pytest.raises(Conflict) as refusal:
            refunds.retry_refund(actor=staff, refund_id=failed.pk)
        assert refusal.value.code == "refund_not_failed"
    assert Refund.objects.filter(state="requested").count() == 1
    memory.fail("create_refund", ProviderRefused("balance_insufficient"))
    refunds.refund_at_provider(again.pk)
    assert refunds.retry_refund(actor=staff, refund_id=again.pk).retry_of == again


def test_a_refund_that_was_made_at_the_provider_is_never_made_again(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    refund = flows.requested_refund(payment, "100.00")
    Refund.objects.filter(pk=refund.pk).update(external_id="re_of_the_dashboard")
    memory.memory.calls.clear()
    refunds.refund_at_provider(refund.pk)
    assert "create_refund" not in memory.memory.calls


@pytest.mark.parametrize("is_staff", [True, False])
def test_people_without_the_permission_request_no_refund(memory: MemoryProvider, is_staff: bool) -> None:
    payment = flows.captured(memory)
    with pytest.raises(Forbidden):
        flows.requested_refund(payment, "1.00", requested_by=make_user(is_staff=is_staff))
    assert not Refund.objects.exists()


def test_people_who_are_not_staff_decide_about_no_refund(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    refund = flows.requested_refund(payment)
    for decide in (refunds.approve_refund, refunds.retry_refund):
        with pytest.raises(Forbidden):
            decide(actor=payment.payer, refund_id=refund.pk)
    with pytest.raises(Forbidden):
        refunds.reject_refund(actor=payment.payer, refund_id=refund.pk, reason="x")


# --- Chargebacks


def charge_back(memory: MemoryProvider, payment: Payment, amount: int, state: str = "open") -> str:
    """Let a bank take money back, and tell us."""
    external_id = memory.charge_back(payment.external_id, amount, state)
    webhooks.handle_webhook(flows.webhook("chargeback", external_id).pk)
    payment.refresh_from_db()
    return external_id


def decide(memory: MemoryProvider, payment: Payment, external_id: str, state: str) -> None:
    memory.decide_chargeback(external_id, state)
    webhooks.handle_webhook(flows.webhook("chargeback", external_id).pk)
    payment.refresh_from_db()


def test_a_chargeback_that_is_won_leaves_everything_as_it_was(memory: MemoryProvider, told: Told) -> None:
    payment = flows.captured(memory)
    external_id = charge_back(memory, payment, 85_000)
    assert balances(payment) == {
        "seller_pending": -80_750,
        "fees": -4_048,
        "vat": -202,
        "disputes": 85_000,
    }
    decide(memory, payment, external_id, "won")
    assert (payment.refunded, balances(payment)) == (0, AFTER_CAPTURE)
    assert told[-2:] == [("chargeback", "", "open"), ("chargeback", "open", "won")]
    assert FinanceCase.objects.get().kind == "chargeback"


def test_a_chargeback_that_is_lost_is_a_refund(memory: MemoryProvider, told: Told) -> None:
    payment = flows.captured(memory)
    external_id = charge_back(memory, payment, 85_000)
    decide(memory, payment, external_id, "lost")
    assert (payment.refunded, balances(payment)) == (85_000, {})
    decide(memory, payment, external_id, "won")  # the bank decides once more
    assert (payment.refunded, balances(payment)) == (0, AFTER_CAPTURE)
    assert [state for row, _previous, state in told if row == "chargeback"] == ["open", "lost", "won"]


def test_a_chargeback_after_the_payout_is_the_sellers_debt(memory: MemoryProvider) -> None:
    flows.paid_out(memory)
    payment = Payment.objects.get()
    decide(memory, payment, charge_back(memory, payment, 85_000), "lost")
    assert balances(payment) == {"provider_clearing": -80_750, "seller_available": 80_750}


def test_a_chargeback_after_a_refund_takes_at_most_what_was_left(memory: MemoryProvider, told: Told) -> None:
    payment = flows.captured(memory)
    flows.refunded(memory, payment, "500.00")
    before = balances(payment)
    charge_back(memory, payment, 85_000)
    assert (payment.chargebacks.count(), balances(payment)) == (0, before)
    case = FinanceCase.objects.get()
    assert (case.kind, case.ours["left"], case.theirs["amount"]) == ("amount_mismatch", 35_000, 85_000)
    charge_back(memory, payment, 35_000)
    assert payment.chargebacks.count() == 1
    charge_back(memory, payment, 1)
    assert payment.chargebacks.count() == 1


def test_what_a_bank_has_taken_back_can_not_be_refunded_as_well(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    external_id = charge_back(memory, payment, 50_000)
    with pytest.raises(Conflict) as refusal:
        flows.requested_refund(payment, "350.01")
    assert refusal.value.code == "refund_too_large"
    decide(memory, payment, external_id, "lost")
    with pytest.raises(Conflict):
        flows.requested_refund(payment, "350.01")
    flows.requested_refund(payment, "350.00")


def test_a_chargeback_that_is_lost_after_a_refund_on_its_way_opens_a_case(memory: MemoryProvider) -> None:
    payment = flows.captured(memory)
    refund = flows.requested_refund(payment)
    memory.fail("create_refund", has_effect=True)  # before the bank takes the money; its answer is lost
    with pytest.raises(Unavailable):
        refunds.refund_at_provider(refund.pk)
    external_id = charge_back(memory, payment, 85_000)
    refunds.refund_at_provider(refund.pk)
    refund.refresh_from_db()
    memory.settle_refund(refund.external_id, "succeeded")
    polling.refresh("refund", refund.pk)
    decide(memory, payment, external_id, "lost")
    assert payment.refunded == 85_000
    assert payment.chargebacks.get().state == "open"
    kinds = set(FinanceCase.objects.values_list("kind", flat=True))
    assert kinds == {"chargeback", "amount_mismatch"}


def test_a_bank_that_only_asks_moves_no_money(memory: MemoryProvider, told: Told) -> None:
    payment = flows.captured(memory)
    told.clear()
    charge_back(memory, payment, 85_000, "inquiry")
    assert (payment.chargebacks.count(), balances(payment), told) == (0, AFTER_CAPTURE, [])
    assert FinanceCase.objects.get().kind == "chargeback"
