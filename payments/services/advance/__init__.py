"""Where answers of providers and webhooks meet: each compares with our row, and only moves it forward.

Nothing that a provider tells is believed unless its amount, currency, account and reference are those of our
row: otherwise finance gets a case, and the row stays as it is.
"""

from payments.services.advance.accounts import advance_account, advance_card_setup
from payments.services.advance.chargebacks import advance_chargeback
from payments.services.advance.payments import advance_payment, fail_payment
from payments.services.advance.payouts import advance_payout, fail_payout
from payments.services.advance.refunds import advance_refund, fail_refund
from payments.services.advance.transfers import advance_transfer, fail_transfer

__all__ = [
    "advance_account",
    "advance_card_setup",
    "advance_chargeback",
    "advance_payment",
    "advance_payout",
    "advance_refund",
    "advance_transfer",
    "fail_payment",
    "fail_payout",
    "fail_refund",
    "fail_transfer",
]
