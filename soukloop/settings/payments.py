"""Payments, orders and the fees of the platform."""

from datetime import timedelta

from soukloop.settings.base import DEBUG
from soukloop.settings.environment import env, secret

# --- Providers
# Through which cards are paid: "sandbox", which is built in and moves no money, or "stripe".
CARD_PROVIDER = env.str("CARD_PROVIDER", default="sandbox")
# Lets the sandbox be used where DEBUG is off, such as on a server for tests: nobody is really charged there.
SANDBOX_PAYMENTS_ALLOWED = env.bool("SANDBOX_PAYMENTS_ALLOWED", default=DEBUG)
SANDBOX_PAYOUT_TAKES = timedelta(seconds=20)
SANDBOX_CHARGEBACK_AFTER = timedelta(seconds=10)  # since the capture of a card that is charged back
SANDBOX_PAGE_EXPIRES_AFTER = timedelta(hours=24)
# Stripe's links to its onboarding page are valid for some minutes, and once.
ONBOARDING_LINK_EXPIRES_AFTER = timedelta(minutes=5)
PAYMENT_PROVIDERS = {
    "sandbox": "payments.providers.sandbox.SandboxProvider",
    "stripe": "payments.providers.stripe.StripeProvider",
}
STRIPE_SECRET_KEY = secret("STRIPE_SECRET_KEY")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="")
# Of the webhook's address; several while one is replaced, separated by commas.
STRIPE_WEBHOOK_SECRETS = [part for part in (secret("STRIPE_WEBHOOK_SECRETS") or "").split(",") if part]
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com")
# "direct": on the seller's own account, whose payouts we release. "separate": on our account, with a transfer
# on release, which puts sellers' money on our balance: not before a lawyer has agreed.
STRIPE_CHARGES = env.str("STRIPE_CHARGES", default="direct")
SELLER_COUNTRY = "AE"
PROVIDER_TIMEOUT = timedelta(seconds=env.float("PROVIDER_TIMEOUT_SECONDS", default=20.0))
WEBHOOK_TOLERANCE = timedelta(minutes=5)  # between a webhook's signature and its arrival
WEBHOOK_FORGOTTEN_AFTER = timedelta(minutes=10)  # a message that still waits then has lost its job
WEBHOOK_EVENTS_KEPT_FOR = timedelta(days=90)
# What has no outcome yet is asked about this often, because webhooks can be lost.
PROVIDER_ASKED_AGAIN_AFTER = timedelta(minutes=10)
# Without any answer for so long, finance gets a case; the call is still repeated.
PROVIDER_SILENCE_REPORTED_AFTER = timedelta(days=1)
# Payouts and refunds that succeeded can still be returned by a bank: asked about once a day for so long.
PROVIDER_RETURNS_ASKED_FOR = timedelta(days=10)
RECONCILE_DAYS = 7  # nights that a comparison with the provider may be late
CLIENT_SECRETS_KEPT_FOR = timedelta(days=7)

# --- Fees
VAT_RATE = "0.05"  # included in the fee
FEE_DEBT_MAX_FILS = 50_000  # of fees for sales in person; above it, a seller makes no new ones
FEE_BILL_DUE_AFTER = timedelta(days=7)
FEE_BILL_ATTEMPTS_MAX = 4
FEE_BILL_RETRY_AFTER = timedelta(days=2)
FEE_BILL_MIN_FILS = 200  # less waits for the next month; providers charge cards no less
PAYOUT_MIN_FILS = 1_000
REFUND_TWO_PEOPLE_ABOVE_FILS = 100_000  # a second member of staff must approve

# --- Orders
ORDER_BUY_NOW_RESERVED_FOR = timedelta(minutes=15)
ORDER_OFFER_RESERVED_FOR = timedelta(hours=24)  # since the offer was accepted
ORDER_COMPLETES_AFTER = timedelta(days=3)  # since the hand-over or delivery, unless the buyer says so before
ORDER_ASSUMED_DELIVERED_AFTER = timedelta(days=14)  # a parcel whose carrier says nothing
ORDER_SHIP_WITHIN = timedelta(days=7)  # a paid order that is neither shipped nor handed over is refunded
ORDER_MEETING_ASKED_AFTER = timedelta(days=7)
ORDER_CANCELLATIONS_OF_PAIR = 3  # in the time below; then finance gets a case
ORDER_CANCELLATIONS_COUNTED_FOR = timedelta(days=30)
# Disputes of sales in person that one seller accepts in this time; from then on, staff decide about our fee.
FEES_WAIVED_BY_SELLER_MAX = 3
ORDERS_UNPAID_MAX = 5  # that one buyer holds reserved at once
# Purchases of one product that a buyer cancels or lets expire in the time below; then the next is refused.
ORDER_REPEATS_OF_PRODUCT_MAX = 2
ORDER_REPEATS_COUNTED_FOR = timedelta(days=1)
HAND_OVER_CODE_ATTEMPTS = 5
HAND_OVER_CODE_LOCKED_FOR = timedelta(minutes=15)
ADDRESSES_MAX = 20
# Whom we ask whether parcels were delivered, a service for all carriers; empty: nobody. See docs/orders.md.
CARRIER_STATUS_URL = env.str("CARRIER_STATUS_URL", default="")
CARRIER_STATUS_KEY = secret("CARRIER_STATUS_KEY")
CARRIER_STATUS_TIMEOUT = timedelta(seconds=10)
DISPUTES_OF_ORDER_MAX = 3  # withdrawn ones included
DISPUTE_EVIDENCE_MAX = 20  # of one side
DISPUTE_IMAGES_MAX = 6  # of one piece of evidence
REVIEW_WITHIN = timedelta(days=60)  # since the order was completed
REVIEW_SHOWN_AFTER = timedelta(days=14)
# Of one author about one person, so many days must lie between two reviews that count for the average.
REVIEW_COUNTED_ONCE_PER = timedelta(days=90)

# --- Invoices: who issues them
COMPANY_NAME = env.str("COMPANY_NAME", default="Souk Loop")
COMPANY_NAME_AR = env.str("COMPANY_NAME_AR", default="سوق لووب")
COMPANY_ADDRESS = env.str("COMPANY_ADDRESS", default="Dubai, United Arab Emirates")
COMPANY_TRN = env.str("COMPANY_TRN", default="")  # the tax registration number
