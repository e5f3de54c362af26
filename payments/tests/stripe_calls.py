"""Short ways to the states from which tests of Stripe begin."""

from payments.providers.base import PaymentRequest, PaymentState
from payments.providers.stripe import StripeProvider
from payments.testing.stripe_server import StripeServer


def request(account: str, *, key: str = "payment:1:create", **fields: object) -> PaymentRequest:
    values: dict[str, object] = {
        "amount": 85_000,
        "fee": 4_250,
        "currency": "AED",
        "description": "Souk Loop 1001",
        "reference": "payment-1",
    }
    return PaymentRequest(key=key, account=account, **(values | fields))  # type: ignore[arg-type]


def captured(
    server: StripeServer,
    provider: StripeProvider,
    account: str,
    *,
    card: str = "pm_card_visa",
    **fields: object,
) -> PaymentState:
    """Return a payment that went from the beginning to its capture."""
    reference = str(fields.get("reference", "payment-1"))
    made = provider.create_payment(request(account, key=f"{reference}:create", **fields))
    server.controls.pay(made.external_id, card)
    on = "" if fields.get("is_separate") else account
    return provider.capture_payment(made.external_id, on, key=f"{reference}:capture")
