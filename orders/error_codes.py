"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class OrdersErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    ADDRESS_NOT_FOUND = "address_not_found"
    TOO_MANY_ADDRESSES = "too_many_addresses"
    PHONE_NOT_CONFIRMED = "phone_not_confirmed"
