"""Accounts: passwords, tokens, one-time codes."""

from datetime import timedelta

from soukloop.settings.base import SECRET_KEY

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.authentication.IdentifierBackend"]
PASSWORD_HASHERS = [
    "accounts.hashers.OwaspArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "email", "full_name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": SECRET_KEY,
    "AUDIENCE": "soukloop",
    "ISSUER": "soukloop",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "LEEWAY": timedelta(seconds=60),  # by which the clocks of two hosts may differ
    "USER_ID_CLAIM": "sub",
    "AUTH_HEADER_TYPES": ("Bearer",),
}
WS_TICKET_TTL = timedelta(seconds=30)
OTP_TTL = timedelta(seconds=600)
OTP_MAX_GUESSES = 5
# Limits of any 24 hours, counted in PostgreSQL; docs/security.md has the arithmetic. An address (for IPv6 its
# /64) is known to an email or phone once a code or password was right from it. Wrong guesses of one email or
# phone: from all addresses, from all that are not known, from one that is not known. The first two also hold
# for both contacts of an account together. Then those from one address, of any email or phone.
OTP_WRONG_GUESSES_A_DAY = 14
OTP_WRONG_GUESSES_A_DAY_ELSEWHERE = 10
OTP_WRONG_GUESSES_A_DAY_FROM_ONE_ADDRESS = 6
OTP_WRONG_GUESSES_A_DAY_BY_ADDRESS = 1000
# Codes sent to one email or phone, in the same order.
OTP_SENDS_A_DAY = 20
OTP_SENDS_A_DAY_ELSEWHERE = 12
OTP_SENDS_A_DAY_FROM_ONE_ADDRESS = 8
OTP_SENDS_A_DAY_BY_ADDRESS = 2000
KNOWN_ADDRESS_KEPT_FOR = timedelta(days=90)
PHONE_DEFAULT_REGION = "AE"
