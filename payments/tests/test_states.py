"""The machines of payments, refunds, chargebacks, payouts and transfers: every state with every other."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.utils import timezone

from payments import states
from payments.models import Chargeback, Entry, FinanceCase, Payment, Payout, Refund, Transfer
from payments.providers.base import ChargebackState, PaymentState, PayoutState, RefundState, TransferState
from payments.services import advance
from payments.tests.factories import make_account, make_chargeback, make_payment, make_payout, make_refund

pytestmark = pytest.mark.django_db

Told = list[tuple[str, str, str]]
_CLOSED = ("failed", "cancelled")
# What may follow, written out a second time: a change of the machine is to be meant.
PAYMENT = {
    "created": {"requires_action", "authorised", "captured", "failed", "cancelled"},
    "requires_action": {"authorised", "captured", "failed", "cancelled"},
    "authorised": {"captured", "failed", "cancelled"},
    "captured": set(),
    "failed": set(),
    "cancelled": set(),
}
REFUND = {
    "waiting": {"requested", "rejected"},
    "requested": {"pending", "succeeded", "failed"},
    "pending": {"succeeded", "failed"},
    "succeeded": {"failed"},
    "failed": set(),
    "rejected": set(),
}
CHARGEBACK = {"open": {"won", "lost"}, "won": {"lost"}, "lost": {"won"}}
PAYOUT = {
    "requested": {"on_its_way", "paid", "failed"},
    "on_its_way": {"paid", "failed"},
    "paid": {"failed"},
    "failed": set(),
}
TRANSFER = {
    "requested": {"succeeded", "failed"},
    "succeeded": {"reversed"},
    "failed": {"requested"},
    "reversed": set(),
}
MACHINES: list[tuple[Any, Mapping[str, frozenset[str]], dict[str, set[Any]]]] = [
    (Payment, states.PAYMENT, PAYMENT),
    (Refund, states.REFUND, REFUND),
    (Chargeback, states.CHARGEBACK, CHARGEBACK),
    (Payout, states.PAYOUT, PAYOUT),
    (Transfer, states.TRANSFER, TRANSFER),
]


@pytest.mark.parametrize(("model", "machine", "expected"), MACHINES)
def test_every_pair_of_states_is_allowed_or_not_as_written(
    model: Any, machine: Mapping[str, frozenset[str]], expected: dict[str, set[str]]
) -> None:
    assert set(machine) == set(model.State.values) == set(expected)
    for current in model.State.values:
        for following in model.State.values:
            assert states.can_follow(machine, current, following) == (following in expected[current])


def test_no_state_leads_to_itself() -> None:
    for _model, machine, _expected in MACHINES:
        assert not any(state in following for state, following in machine.items())


def pairs(expected: dict[str, set[str]], told: list[str]) -> list[tuple[str, str]]:
    return [(current, state) for current in expected for state in told]


def times_of(state: str) -> dict[str, Any]:
    """Return the times that the database demands of a payment in a state."""
    now = timezone.now()
    return {
        "authorised_at": now if state in ("authorised", "captured") else None,
        "captured_at": now if state == "captured" else None,
        "closed_at": now if state in _CLOSED else None,
    }


@pytest.mark.parametrize(
    ("current", "state"), pairs(PAYMENT, ["requires_action", "authorised", "captured", "failed", "cancelled"])
)
def test_a_payment_moves_only_forward_whatever_its_provider_tells(
    current: str, state: str, told: Told
) -> None:
    payment = make_payment(state=current, **times_of(current))
    answer = PaymentState(
        external_id=payment.external_id,
        state=state,
        amount=payment.amount,
        currency="AED",
        account=payment.account.external_id,  # type: ignore[union-attr]
        fee=payment.fee,
        reference=str(payment.pk),
    )
    is_moved = state in PAYMENT[current]
    for _repeated in range(2):
        advance.advance_payment(payment.pk, answer)
        payment.refresh_from_db()
        assert payment.state == (state if is_moved else current)
        assert told == ([("payment", current, state)] if is_moved else [])
        charged = Entry.objects.filter(kind="charge").count()
        assert charged == (is_moved and state == "captured")
    is_late_capture = current in _CLOSED and state == "captured"
    assert FinanceCase.objects.count() == is_late_capture


@pytest.mark.parametrize(("current", "state"), pairs(REFUND, ["pending", "succeeded", "failed"]))
def test_a_refund_moves_only_forward_whatever_its_provider_tells(
    current: str, state: str, told: Told
) -> None:
    refund = make_refund(make_payment(), 10_000, state=current)
    payment = refund.payment
    answer = RefundState(
        refund.external_id, state, 10_000, "AED", payment.external_id, reference=str(refund.pk)
    )
    is_moved = state in REFUND[current]
    for _repeated in range(2):
        advance.advance_refund(refund.pk, answer)
        refund.refresh_from_db()
        payment.refresh_from_db()
        assert refund.state == (state if is_moved else current)
        assert payment.refunded == (10_000 if refund.state == "succeeded" else 0)
        assert told == ([("refund", current, state)] if is_moved else [])
    assert FinanceCase.objects.count() == (is_moved and state == "failed")


@pytest.mark.parametrize(("current", "state"), pairs(CHARGEBACK, ["open", "won", "lost"]))
def test_a_chargeback_moves_between_its_decisions_and_never_back_to_open(
    current: str, state: str, told: Told
) -> None:
    payment = make_payment(refunded=10_000 if current == "lost" else 0)
    chargeback = make_chargeback(payment, 10_000, state=current)
    answer = ChargebackState(chargeback.external_id, payment.external_id, state, 10_000, "AED")
    is_moved = state in CHARGEBACK[current]
    for _repeated in range(2):
        advance.advance_chargeback(payment, answer)
        chargeback.refresh_from_db()
        payment.refresh_from_db()
        assert chargeback.state == (state if is_moved else current)
        assert payment.refunded == (10_000 if chargeback.state == "lost" else 0)
        assert told == ([("chargeback", current, state)] if is_moved else [])


@pytest.mark.parametrize(("current", "state"), pairs(PAYOUT, ["on_its_way", "paid", "failed"]))
def test_a_payout_moves_only_forward_whatever_its_provider_tells(
    current: str, state: str, told: Told
) -> None:
    account = make_account()
    payout = make_payout(account.seller, 5_000, account=account, state=current, external_id="po_1")
    answer = PayoutState("po_1", state, 5_000, "AED", account.external_id, reference=str(payout.pk))
    is_moved = state in PAYOUT[current]
    for _repeated in range(2):
        advance.advance_payout(payout.pk, answer)
        payout.refresh_from_db()
        assert payout.state == (state if is_moved else current)
        assert told == ([("payout", current, state)] if is_moved else [])
    assert FinanceCase.objects.count() == (is_moved and state == "failed")


@pytest.mark.parametrize(("current", "state"), pairs(TRANSFER, ["succeeded", "failed", "reversed"]))
def test_a_transfer_moves_only_forward_whatever_its_provider_tells(current: str, state: str) -> None:
    payment = make_payment(is_separate=True)
    transfer = Transfer.objects.create(
        payment=payment, amount=5_000, state=current, external_id="tr_1", created_at=timezone.now()
    )
    assert payment.account is not None
    answer = TransferState("tr_1", state, 5_000, "AED", payment.account.external_id, str(transfer.pk))
    is_moved = state in TRANSFER[current]
    for _repeated in range(2):
        advance.advance_transfer(transfer.pk, answer)
        transfer.refresh_from_db()
        assert transfer.state == (state if is_moved else current)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 84_999),
        ("currency", "USD"),
        ("account", "acct_other"),
        ("fee", 1),
        ("reference", "00000000-0000-4000-8000-000000000001"),
        ("external_id", "pay_other"),
    ],
)
def test_a_payment_that_differs_from_ours_opens_a_case_and_changes_nothing(
    field: str, value: Any, told: Told
) -> None:
    payment = make_payment(state="authorised", captured_at=None)
    assert payment.account is not None
    before = Payment.objects.values().get()
    figures: dict[str, Any] = {
        "external_id": payment.external_id,
        "amount": payment.amount,
        "currency": "AED",
        "account": payment.account.external_id,
        "fee": payment.fee,
        "reference": str(payment.pk),
    }
    for _repeated in range(2):
        advance.advance_payment(payment.pk, PaymentState(state="captured", **(figures | {field: value})))
    assert Payment.objects.values().get() == before
    assert (told, Entry.objects.count()) == ([], 0)
    case = FinanceCase.objects.get()
    assert (case.kind, case.payment_id) == ("amount_mismatch", payment.pk)
    assert case.ours != case.theirs


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", 9_999), ("currency", "USD"), ("payment", "pay_other"), ("external_id", "re_other")],
)
def test_a_refund_that_differs_from_ours_opens_a_case_and_changes_nothing(
    field: str, value: Any, told: Told
) -> None:
    refund = make_refund(make_payment(), 10_000, state="requested")
    figures: dict[str, Any] = {
        "external_id": refund.external_id,
        "amount": 10_000,
        "currency": "AED",
        "payment": refund.payment.external_id,
    }
    advance.advance_refund(refund.pk, RefundState(state="succeeded", **(figures | {field: value})))
    refund.refresh_from_db()
    assert (refund.state, told) == ("requested", [])
    assert FinanceCase.objects.get().kind == "amount_mismatch"


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", 4_999), ("currency", "USD"), ("account", "acct_other"), ("external_id", "po_other")],
)
def test_a_payout_that_differs_from_ours_opens_a_case_and_changes_nothing(
    field: str, value: Any, told: Told
) -> None:
    account = make_account()
    payout = make_payout(account.seller, 5_000, account=account, external_id="po_1")
    figures: dict[str, Any] = {
        "external_id": "po_1",
        "amount": 5_000,
        "currency": "AED",
        "account": account.external_id,
    }
    advance.advance_payout(payout.pk, PayoutState(state="paid", **(figures | {field: value})))
    payout.refresh_from_db()
    assert (payout.state, told) == ("requested", [])
    assert FinanceCase.objects.get().kind == "amount_mismatch"
