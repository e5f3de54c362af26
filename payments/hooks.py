"""Hooks through which upper apps take part in what happens to payments, which know nothing of them."""

from collections.abc import Sequence
from uuid import UUID

from payments.ledger_rules import Rule
from payments.models import Chargeback, Payment, Payout, Refund
from soukloop.core.hooks import Hook

lock_reference: Hook[[UUID], None] = Hook()
"""`callback(reference)`: lock what a payment is for, before the payment itself is locked.

Called first in every transaction that changes a payment, so that rows are locked in one order everywhere:
product, offer, sale, order, payment, then the rows below it.
"""

payment_changed: Hook[[Payment, str], None] = Hook()
"""`callback(payment, previous_state)`: called in the transaction of the change, with the rows locked.

Called for every change of the state, those that `capture_in_person` and `cancel_payment` make at once among
them, but not when a payment is created.
"""

refund_changed: Hook[[Refund, str], None] = Hook()
"""`callback(refund, previous_state)`: as `payment_changed`; `refund.payment` is locked and current."""

chargeback_changed: Hook[[Chargeback, str], None] = Hook()
"""`callback(chargeback, previous_state)`: as `payment_changed`; the previous state is "" for a new one."""

payout_changed: Hook[[Payout, str], None] = Hook()
"""`callback(payout, previous_state)`: as `payment_changed`; the previous state is "" for a new one."""

ledger_checks: Hook[[], Sequence[Rule]] = Hook()
"""`callback()`: rules of an upper app that each check of the ledger proves together with its own."""
