"""Email and text messages."""

from soukloop.settings.environment import env

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="Souk Loop <no-reply@soukloop.com>")
SMS_COUNTRIES = env.list("SMS_COUNTRIES", default=["AE", "SA", "KW", "QA", "BH", "OM"])
SMS_A_DAY_PER_COUNTRY = env.int("SMS_A_DAY_PER_COUNTRY", default=5000)
SMS_BACKEND = env.str("SMS_BACKEND", default="accounts.sms.ConsoleBackend")
SMS_HTTP_URL = env.str("SMS_HTTP_URL", default="")
SMS_HTTP_TOKEN = env.str("SMS_HTTP_TOKEN", default="")
