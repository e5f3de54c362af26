"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class PaymentsErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    CASE_CLOSED = "case_closed"
    PAYMENT_ACCOUNT_REFUSED = "payment_account_refused"
    CARD_FORM_REFUSED = "card_form_refused"
    FEE_BILL_CLOSED = "fee_bill_closed"
    CARD_REQUIRED = "card_required"
    CORRECTION_DECIDED = "correction_decided"
    CORRECTION_NEEDS_SECOND_PERSON = "correction_needs_second_person"
    SANDBOX_PAGE_CLOSED = "sandbox_page_closed"
    SANDBOX_NO_CHALLENGE = "sandbox_no_challenge"
    SELLER_NOT_PAID_BY_CARD = "seller_not_paid_by_card"
    PAYMENT_PENDING = "payment_pending"
    PAYMENT_NOT_AUTHORISED = "payment_not_authorised"
    PAYMENT_NOT_CAPTURED = "payment_not_captured"
    REFUND_TOO_LARGE = "refund_too_large"
    REFUND_OVERTAKEN = "refund_overtaken"
    REFUND_NOT_WAITING = "refund_not_waiting"
    REFUND_NOT_FAILED = "refund_not_failed"
    REFUND_NEEDS_SECOND_PERSON = "refund_needs_second_person"
    PAYOUT_NOT_FAILED = "payout_not_failed"
    TRANSFER_NOT_FAILED = "transfer_not_failed"
    WEBHOOK_INVALID = "webhook_invalid"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
