"""Card payments through Stripe, with charges on the sellers' own connected accounts."""

from payments.providers.stripe.provider import StripeProvider

__all__ = ["StripeProvider"]
