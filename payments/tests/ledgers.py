"""A ledger with an entry of every kind, for tests of what is read from it."""

from dataclasses import dataclass

from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import make_seller
from payments.models import Chargeback, FeeBill, Payment, Payout, Refund
from payments.services import ledger
from payments.tests.factories import make_chargeback, make_payment, make_payout, make_refund


@dataclass
class FullLedger:
    seller: User
    pending: Payment
    released: Payment
    in_person: Payment
    bill: FeeBill
    bill_payment: Payment
    failed: Payment
    refund: Refund
    returned_refund: Refund
    lost: Chargeback
    won: Chargeback
    disputed: Chargeback
    paid: Payout
    on_its_way: Payout
    returned: Payout


def make_full_ledger() -> FullLedger:
    """Post every kind of entry but a correction, for one seller."""
    seller = make_seller()
    pending, released, repaid, lost, won, disputed = (charge(seller) for _ in range(6))
    for payment in (released, won):
        release(payment)
    refund = make_refund(released, 10_000)
    ledger.post_refund(refund)
    ledger.post_refund(make_refund(pending, 33_333))
    returned_refund = make_refund(repaid, 20_001)
    ledger.post_refund(returned_refund)
    return_refund(returned_refund)
    in_person = make_payment(payee=seller, provider="in_person")
    ledger.post_hand_over_fee(in_person)
    ledger.post_refund(make_refund(in_person, 42_500, external_id=""))
    bill, bill_payment = pay_bill(seller, 2_125)
    payouts = [
        make_payout(seller, amount, state=Payout.State.ON_ITS_WAY) for amount in (50_000, 20_000, 1_000)
    ]
    for payout in payouts:
        ledger.post_payout(payout)
    paid, on_its_way, returned = payouts
    for payout in (paid, returned):
        ledger.post_payout_paid(payout)
    ledger.post_payout_returned(returned)
    Payout.objects.filter(pk=paid.pk).update(state="paid")
    Payout.objects.filter(pk=returned.pk).update(state="failed")
    return FullLedger(
        seller=seller,
        pending=pending,
        released=released,
        in_person=in_person,
        bill=bill,
        bill_payment=bill_payment,
        failed=make_payment(
            payee=seller, state=Payment.State.FAILED, captured_at=None, closed_at=timezone.now()
        ),
        refund=refund,
        returned_refund=returned_refund,
        lost=charge_back(lost, Chargeback.State.LOST),
        won=charge_back(won, Chargeback.State.WON),
        disputed=charge_back(disputed, Chargeback.State.OPEN),
        paid=paid,
        on_its_way=on_its_way,
        returned=returned,
    )


def charge(seller: User, amount: int = 85_000, fee: int = 4_250) -> Payment:
    """Capture a payment by card, with what the provider keeps of it."""
    payment = make_payment(payee=seller, amount=amount, fee=fee)
    ledger.post_charge(payment)
    return payment


def release(payment: Payment) -> None:
    payment.released_at = timezone.now()
    payment.save()
    ledger.post_release(payment)


def return_refund(refund: Refund) -> None:
    refund.payment.refunded -= refund.amount
    refund.payment.save()
    refund.state = Refund.State.FAILED
    refund.save()
    ledger.post_refund_returned(refund)


def charge_back(payment: Payment, state: Chargeback.State) -> Chargeback:
    chargeback = make_chargeback(payment, payment.amount, state=state)
    ledger.post_chargeback(chargeback)
    if state == Chargeback.State.LOST:
        payment.refunded += chargeback.amount
        payment.save()
        ledger.post_chargeback_lost(chargeback)
    elif state == Chargeback.State.WON:
        ledger.post_chargeback_won(chargeback)
    return chargeback


def pay_bill(seller: User, amount: int) -> tuple[FeeBill, Payment]:
    now = timezone.now()
    bill = FeeBill.objects.create(
        seller=seller,
        month=now.date().replace(day=1),
        amount=amount,
        state=FeeBill.State.PAID,
        due_at=now,
        created_at=now,
        closed_at=now,
    )
    payment = make_payment(
        kind=Payment.Kind.FEE_BILL, reference=bill.pk, payer=seller, amount=amount, fee=0, account=None
    )
    ledger.post_fee_paid(payment)
    return bill, payment
