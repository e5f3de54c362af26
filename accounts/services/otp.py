"""One-time codes: creating, sending by a job, redeeming once, within five guesses.

No function here looks up the user before a code has matched, so that an identifier without an account gets
the same responses in the same time.
"""

import hmac
import logging
import secrets
from collections.abc import Callable

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import keys, sms
from accounts.access import lock_user
from accounts.contacts import contact_with, is_confirmed
from accounts.models import OtpChallenge, User
from accounts.selectors import user_by_identifier
from soukloop.core.encryption import InvalidToken, decrypt, encrypt
from soukloop.core.errors import BadRequest, DomainError
from soukloop.core.jobs import queue
from soukloop.core.redis import rate_limits
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)

_PURPOSE = "accounts.otp"


def send_code(*, identifier: str) -> None:
    """Create a code for a normalized email or phone and enqueue its delivery (contract 1.3).

    An earlier code becomes void. Raises RateLimited, or redis.RedisError while Redis is unavailable.
    """
    rate_limits.hit("otp_send_identifier", identifier)
    code = f"{secrets.randbelow(1_000_000):06}"
    nonce = secrets.token_hex(16)
    with transaction.atomic():
        challenge, _ = OtpChallenge.objects.update_or_create(
            identifier=identifier,
            defaults={
                "nonce": nonce,
                "encrypted_code": encrypt(code, purpose=_PURPOSE),
                "guesses": 0,
                "expires_at": timezone.now() + settings.OTP_TTL,
            },
        )
        queue.enqueue("accounts.deliver_code", challenge_id=challenge.pk, nonce=nonce)
        # While the row is locked, so that after two parallel requests row and Redis hold the same code.
        redis_client().set(keys.otp(identifier), _redis_value(identifier, code), ex=settings.OTP_TTL)


def deliver_code(*, challenge_id: int, nonce: str) -> None:
    """Send a code, unless no account has the identifier, or the code was replaced, used or has expired."""
    challenge = OtpChallenge.objects.filter(pk=challenge_id, nonce=nonce).first()
    if challenge is None or not challenge.encrypted_code or challenge.expires_at <= timezone.now():
        return
    if not _may_receive_code(challenge.identifier):
        return
    try:
        code = decrypt(challenge.encrypted_code, purpose=_PURPOSE, max_age=settings.OTP_TTL)
    except InvalidToken:
        logger.warning("one-time code %s not sent: it expired, or SECRET_KEY has changed", challenge.pk)
        return
    minutes = int(settings.OTP_TTL.total_seconds() // 60)
    text = f"{code} is your Souk Loop code. It expires in {minutes} minutes. Do not share it with anyone."
    if "@" in challenge.identifier:
        send_mail("Your Souk Loop code", text, None, [challenge.identifier])
    else:
        sms.send(to=challenge.identifier, text=text)


def _may_receive_code(identifier: str) -> bool:
    """Return whether an active account has this address, or a closed one that never confirmed it."""
    user = user_by_identifier(identifier)
    if user is None or user.is_active:
        return user is not None
    contact = contact_with(user, identifier)
    return contact is not None and not is_confirmed(user, contact)


def redeem_code(*, identifier: str, code: str, on_success: Callable[[User], DomainError | None]) -> None:
    """Count a guess; if it is right, call `on_success(locked user)` and void the code, in one transaction.

    If `on_success` raises an error, nothing has changed and the code remains usable; if it returns one, what
    it changed is committed before the error is raised. Raises BadRequest (otp_invalid) for every kind of
    invalid code, or redis.RedisError while Redis is unavailable.
    """
    with transaction.atomic():
        refusal = _redeem_or_refuse(identifier, code, on_success)
    # After the transaction, so that raising does not roll back the count of guesses.
    if refusal is not None:
        raise refusal


def _redeem_or_refuse(
    identifier: str, code: str, on_success: Callable[[User], DomainError | None]
) -> DomainError | None:
    refusal = invalid_code()
    # Parallel guesses wait for this lock, so that the sixth sees five counted.
    challenge = OtpChallenge.objects.select_for_update().filter(identifier=identifier).first()
    if challenge is None or challenge.guesses >= settings.OTP_MAX_GUESSES:
        return refusal
    stored = redis_client().get(keys.otp(identifier))
    challenge.guesses += 1
    challenge.save(update_fields=["guesses"])
    is_right = isinstance(stored, bytes) and hmac.compare_digest(
        stored, _redis_value(identifier, code).encode()
    )
    if not is_right or challenge.expires_at <= timezone.now():
        if challenge.guesses >= settings.OTP_MAX_GUESSES:
            void_code(challenge)
        return refusal
    user = user_by_identifier(identifier)
    result: DomainError | None = refusal
    if user is not None:
        try:
            with transaction.atomic():
                result = on_success(lock_user(user.pk))
        except DomainError as error:
            return error
    void_code(challenge)
    return result


def invalid_code() -> BadRequest:
    return BadRequest("The code is wrong or has expired. Request a new one.", code="otp_invalid")


def void_code(challenge: OtpChallenge) -> None:
    """Void a code, in the caller's transaction."""
    challenge.encrypted_code = ""
    challenge.guesses = settings.OTP_MAX_GUESSES
    challenge.save(update_fields=["encrypted_code", "guesses"])
    redis_client().delete(keys.otp(challenge.identifier))


def delete_expired_challenges() -> int:
    """Delete the challenges whose code has expired; return the number."""
    return OtpChallenge.objects.filter(expires_at__lt=timezone.now()).delete()[0]


def _redis_value(identifier: str, code: str) -> str:
    """Return what Redis holds: the code itself in DEBUG (contract 1.3), otherwise a keyed hash."""
    if settings.DEBUG:
        return code
    return salted_hmac("accounts.otp.stored", f"{identifier}:{code}", algorithm="sha256").hexdigest()
