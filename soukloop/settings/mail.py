"""Email and text messages."""

from datetime import time, timedelta

from soukloop.settings.environment import env

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="Souk Loop <no-reply@soukloop.com>")
SMS_COUNTRIES = env.list("SMS_COUNTRIES", default=["AE", "SA", "KW", "QA", "BH", "OM"])
SMS_A_DAY_PER_COUNTRY = env.int("SMS_A_DAY_PER_COUNTRY", default=5000)
SMS_BACKEND = env.str("SMS_BACKEND", default="accounts.sms.ConsoleBackend")
SMS_HTTP_URL = env.str("SMS_HTTP_URL", default="")
SMS_HTTP_TOKEN = env.str("SMS_HTTP_TOKEN", default="")

# The daily email of unread notifications has what came until the first of these times of a person's day, and
# goes out before the second; a worker that was down the whole time leaves the day out.
DIGEST_FROM = time(9)
DIGEST_BEFORE = time(13)
DIGEST_RETRIED_FOR = timedelta(hours=6)  # while the mail server is unavailable
DIGEST_LOOKS_BACK = timedelta(days=7)  # for the first one, and after a long pause
DIGEST_ITEMS_MAX = 10  # the others are a number
DIGEST_JOB_SIZE = 100  # people
