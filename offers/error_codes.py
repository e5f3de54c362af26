"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class OffersErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    PRODUCT_NOT_AVAILABLE = "product_not_available"
    OWN_PRODUCT = "own_product"
    NOT_YOUR_OFFER = "not_your_offer"
    NOT_YOURS_TO_ANSWER = "not_yours_to_answer"
    OFFERS_DISABLED = "offers_disabled"
    PARTY_UNAVAILABLE = "party_unavailable"
    PRICE_LOWERED = "price_lowered"
    OFFER_PENDING = "offer_pending"
    OFFER_ACCEPTED = "offer_accepted"
    OFFER_DECLINED = "offer_declined"
    OFFER_COUNTERED = "offer_countered"
    OFFER_WITHDRAWN = "offer_withdrawn"
    OFFER_EXPIRED = "offer_expired"
    OFFER_CANCELLED = "offer_cancelled"
    TRANSACTION_CANCELLED = "transaction_cancelled"
    TRANSACTION_COMPLETED = "transaction_completed"
    TRANSACTION_PAID = "transaction_paid"
    TRANSACTION_REFUNDED = "transaction_refunded"
