"""Sending emails that are recorded as sent before they are: each goes out at most once."""

import logging
import smtplib
from collections.abc import Callable
from typing import Any, Literal

from django.core.mail import EmailMessage

from soukloop.core.db.release import release_connection

logger = logging.getLogger(__name__)

_CLOSING_CODE = 421  # the server closes the connection (RFC 5321)

Result = Literal["sent", "none", "refused"]


def send_claimed(
    server: Any, message: EmailMessage, *, name: str, return_claim: Callable[[], object]
) -> Result:
    """Send an email whose claim is committed, on an open connection to the mail server.

    Returns "refused", with the claim given back, where the server won't have it for now, and "none" where it
    never will. Raises OSError where the connection has ended: if an answer was lost, the email may have been
    sent, and the claim stays. `name` is for the log.
    """
    release_connection()
    try:
        server.send_messages([message])
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        codes = _codes_of(error)
        if max(codes) >= 500:
            logger.warning("%s was refused: %s", name, codes)
            return "none"
        return_claim()
        if _CLOSING_CODE in codes:
            raise
        return "refused"
    except OSError:
        logger.warning("it is unknown whether %s was sent", name)
        raise
    return "sent"


def _codes_of(error: smtplib.SMTPException) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    assert isinstance(error, smtplib.SMTPResponseException)
    return [error.smtp_code]
