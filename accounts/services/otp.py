"""One-time codes: made, sent by a job, guessed at most five times, used once.

Nothing here looks a person up before a code has matched, so whoever has no account sees the same answers in
the same time.
"""

import hmac
import secrets
from collections.abc import Callable

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import keys, sms
from accounts.models import OtpChallenge, User
from accounts.selectors import user_by_identifier
from soukloop.core.encryption import decrypt, encrypt
from soukloop.core.errors import BadRequest, DomainError
from soukloop.core.jobs import queue
from soukloop.core.redis import rate_limits
from soukloop.core.redis.client import redis_client

_PURPOSE = "accounts.otp"


def send_code(*, identifier: str) -> None:
    """Make a code for a normalised email or phone and have it sent (contract 1.3); the one before is void.

    Raises RateLimited, or redis.RedisError when Redis is away.
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
        # Under the row's lock: of two parallel sends, row and Redis hold the same one.
        redis_client().set(keys.otp(identifier), _stored(identifier, code), ex=settings.OTP_TTL)


def deliver_code(*, challenge_id: int, nonce: str) -> None:
    """Send the code to whom it is for, unless there is nobody, a newer code, or it is used or out of date."""
    challenge = OtpChallenge.objects.filter(pk=challenge_id, nonce=nonce).first()
    if challenge is None or not challenge.encrypted_code or challenge.expires_at <= timezone.now():
        return
    user = user_by_identifier(challenge.identifier)
    if user is None or not user.is_active:
        return
    code = decrypt(challenge.encrypted_code, purpose=_PURPOSE, max_age=settings.OTP_TTL)
    minutes = int(settings.OTP_TTL.total_seconds() // 60)
    text = f"{code} is your Souk Loop code. It is good for {minutes} minutes. Don't give it to anybody."
    if "@" in challenge.identifier:
        send_mail("Your Souk Loop code", text, None, [challenge.identifier])
    else:
        sms.send(to=challenge.identifier, text=text)


def verify_code(*, identifier: str, code: str) -> None:
    """Redeem a code and mark its contact as confirmed (contract 1.4); raises as `redeem_code`."""

    def confirm(user: User) -> None:
        user.is_verified = True
        user.save(update_fields=["is_verified", "updated_at"])

    redeem_code(identifier=identifier, code=code, then=confirm)


def redeem_code(*, identifier: str, code: str, then: Callable[[User], None]) -> None:
    """Count a guess; if it is right, do `then(user)` and void the code, in one transaction.

    When `then` refuses, its error is passed on and the code stays good for another try. Raises BadRequest
    (otp_invalid), whatever the reason, or redis.RedisError when Redis is away.
    """
    with transaction.atomic():
        refusal = _redeem(identifier, code, then)
    # Outside: the guess stays counted although it is refused.
    if refusal is not None:
        raise refusal


def _redeem(identifier: str, code: str, then: Callable[[User], None]) -> DomainError | None:
    refusal = BadRequest("The code is wrong or no longer good. Ask for a new one.", code="otp_invalid")
    # Parallel guesses queue up at this lock; the sixth finds five counted.
    challenge = OtpChallenge.objects.select_for_update().filter(identifier=identifier).first()
    if challenge is None or challenge.guesses >= settings.OTP_MAX_GUESSES:
        return refusal
    stored = redis_client().get(keys.otp(identifier))
    challenge.guesses += 1
    challenge.save(update_fields=["guesses"])
    is_right = isinstance(stored, bytes) and hmac.compare_digest(stored, _stored(identifier, code).encode())
    if not is_right or challenge.expires_at <= timezone.now():
        if challenge.guesses >= settings.OTP_MAX_GUESSES:
            void(challenge)
        return refusal
    user = user_by_identifier(identifier)
    if user is not None:
        try:
            with transaction.atomic():
                then(user)
        except DomainError as error:
            return error
    void(challenge)
    return None if user is not None else refusal


def void(challenge: OtpChallenge) -> None:
    """Make the code useless; part of the caller's transaction."""
    challenge.encrypted_code = ""
    challenge.guesses = settings.OTP_MAX_GUESSES
    challenge.save(update_fields=["encrypted_code", "guesses"])
    redis_client().delete(keys.otp(challenge.identifier))


def forget_old_challenges() -> int:
    """Delete the challenges whose code has expired; return how many."""
    return OtpChallenge.objects.filter(expires_at__lt=timezone.now()).delete()[0]


def _stored(identifier: str, code: str) -> str:
    """What Redis holds: the code itself when DEBUG (the contract reads it), otherwise a keyed hash."""
    if settings.DEBUG:
        return code
    return salted_hmac("accounts.otp.stored", f"{identifier}:{code}", algorithm="sha256").hexdigest()
