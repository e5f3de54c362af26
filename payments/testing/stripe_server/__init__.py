"""A server of our own that answers as Stripe's does, for tests and for trying things out without keys.

In a test it is the fixture `stripe_server`; as a process, `python -m payments.testing.stripe_server PORT`.
"""

from payments.testing.stripe_server.server import StripeServer

__all__ = ["StripeServer"]
