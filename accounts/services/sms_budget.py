"""Which countries get text messages, and how many in a day."""

import logging
from datetime import datetime, timedelta
from datetime import time as day_time

import phonenumbers
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.error_codes import AccountsErrorCode
from accounts.models import SmsCount
from soukloop.core.db.clock import database_now
from soukloop.core.errors import BadRequest, RateLimited

logger = logging.getLogger(__name__)


def check_sms(phone: str) -> None:
    """Raise unless a text message may be sent to this E.164 number now, whether or not an account has it.

    Raises BadRequest (sms_country_not_served), or RateLimited when the country's messages of the day are used
    up.
    """
    country = _country_of(phone)
    if country not in settings.SMS_COUNTRIES:
        message = _("Codes are not sent by text message to this country. Use your email address.")
        raise BadRequest(message, code=AccountsErrorCode.SMS_COUNTRY_NOT_SERVED)
    now = database_now()
    if _sent_today(country, now) >= settings.SMS_A_DAY_PER_COUNTRY:
        midnight = datetime.combine(now.date() + timedelta(days=1), day_time.min, now.tzinfo)
        message = _("No more text messages can be sent to this country today. Use your email address.")
        raise RateLimited(message, retry_after=int((midnight - now).total_seconds()) + 1)


def take_from_budget(phone: str) -> bool:
    """Count one text message to the number's country; return False if today's are used up.

    The last one logs a warning.
    """
    country = _country_of(phone)
    with transaction.atomic():
        today = SmsCount.objects.select_for_update()
        row, _ = today.get_or_create(country=country, day=database_now().date())
        if country not in settings.SMS_COUNTRIES or row.sent >= settings.SMS_A_DAY_PER_COUNTRY:
            return False
        row.sent += 1
        row.save(update_fields=["sent"])
    if row.sent == settings.SMS_A_DAY_PER_COUNTRY:
        logger.warning("no more text messages to %s today: all %d were sent", country, row.sent)
    return True


def delete_old_counts() -> int:
    """Delete the counts of days before yesterday; return the number."""
    return SmsCount.objects.filter(day__lt=database_now().date() - timedelta(days=1)).delete()[0]


def _sent_today(country: str, now: datetime) -> int:
    sent = SmsCount.objects.filter(country=country, day=now.date()).values_list("sent", flat=True).first()
    return sent or 0


def _country_of(phone: str) -> str:
    return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
