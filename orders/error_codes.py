"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class OrdersErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    ORDER_NOT_FOUND = "order_not_found"
    ORDER_EXISTS = "order_exists"
    NOT_THE_BUYER = "not_the_buyer"
    NOT_THE_SELLER = "not_the_seller"
    TOO_MANY_UNPAID_ORDERS = "too_many_unpaid_orders"
    SELLER_NOT_AVAILABLE_IN_PERSON = "seller_not_available_in_person"
    TOO_MANY_ADDRESSES = "too_many_addresses"
    ADDRESS_NOT_FOUND = "address_not_found"
    PHONE_NOT_CONFIRMED = "phone_not_confirmed"
    HAND_OVER_CODE_WRONG = "hand_over_code_wrong"
    HAND_OVER_CODE_LOCKED = "hand_over_code_locked"
    NO_HAND_OVER_CODE = "no_hand_over_code"
    ORDER_PENDING_PAYMENT = "order_pending_payment"
    ORDER_AUTHORISED = "order_authorised"
    ORDER_PAID = "order_paid"
    ORDER_HANDED_OVER = "order_handed_over"
    ORDER_SHIPPED = "order_shipped"
    ORDER_DELIVERED = "order_delivered"
    ORDER_COMPLETED = "order_completed"
    ORDER_EXPIRED = "order_expired"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_REFUNDED = "order_refunded"
    ORDER_PARTIALLY_REFUNDED = "order_partially_refunded"
    ORDER_DISPUTED = "order_disputed"
