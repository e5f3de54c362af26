"""The shapes of payments over REST, with one module for each subject."""

from payments.serializers.payments import CLIENT_SECRET, PaymentOutput, ReceivedOutput, payment_body

__all__ = ["CLIENT_SECRET", "PaymentOutput", "ReceivedOutput", "payment_body"]
