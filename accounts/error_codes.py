"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class AccountsErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    USER_NOT_FOUND = "user_not_found"
    NOT_YOURSELF = "not_yourself"
    INVALID_CREDENTIALS = "invalid_credentials"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_WRONG_TYPE = "token_wrong_type"
    TICKET_INVALID = "ticket_invalid"
    ACCOUNT_BANNED = "account_banned"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_HAS_OBLIGATIONS = "account_has_obligations"
    OTP_INVALID = "otp_invalid"
    SMS_COUNTRY_NOT_SERVED = "sms_country_not_served"
    REGISTRATION_REPLAYED = "registration_replayed"
    CONTACT_RELEASED = "contact_released"
    ALREADY_BANNED = "already_banned"
    NOT_BANNED = "not_banned"
    BADGE_UNCHANGED = "badge_unchanged"
    STAFF_UNCHANGED = "staff_unchanged"
    EMAIL_TAKEN = "email_taken"
    USERNAME_TAKEN = "username_taken"
    PHONE_TAKEN = "phone_taken"
