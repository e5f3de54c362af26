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
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import keys, sms
from accounts.access import lock_user
from accounts.contacts import contact_with, is_confirmed
from accounts.error_codes import AccountsErrorCode
from accounts.models import OtpChallenge, OtpEvent, User
from accounts.selectors import user_by_identifier
from accounts.services import otp_limits, sms_budget
from accounts.services.known_addresses import remember_address
from soukloop.core.db.clock import database_now
from soukloop.core.db.release import release_connection
from soukloop.core.encryption import InvalidToken, decrypt, encrypt, keyed_hashes
from soukloop.core.errors import BadRequest, DomainError, duration_words
from soukloop.core.jobs import queue
from soukloop.core.redis import rate_limits
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)

_PURPOSE = "accounts.otp"


def send_code(*, identifier: str, ip: str) -> None:
    """Create a code for a normalized email or phone and enqueue its delivery (contract 1.3).

    An earlier code becomes void if only this address asked for it. If another did, and the code is still
    valid, the same code is sent again and valid for OTP_TTL from now, so that a stranger who asks cannot void
    the code that the owner is about to enter. Raises RateLimited, BadRequest (sms_country_not_served), or
    redis.RedisError while Redis is unavailable.
    """
    if "@" not in identifier:
        sms_budget.check_sms(identifier)
    requester = otp_limits.Requester.of(identifier, ip)
    scope = ("otp_send_identifier", f"{identifier}|{requester.network}")
    with rate_limits.reserve([scope]) as use:
        _create_and_enqueue(requester)
        use.keep()


def _create_and_enqueue(requester: otp_limits.Requester) -> None:
    identifier = requester.identifier
    with transaction.atomic():
        challenge, is_new = OtpChallenge.objects.select_for_update().get_or_create(
            identifier=identifier, defaults={"network": requester.network, "expires_at": database_now()}
        )
        otp_limits.check_sends(requester)
        code = None if is_new else _code_of_another_address(challenge, requester)
        challenge.network = requester.network if code is None else ""
        if code is None:
            code = f"{secrets.randbelow(1_000_000):06}"
            challenge.guesses = 0
        challenge.nonce = secrets.token_hex(16)
        challenge.encrypted_code = encrypt(code, purpose=_PURPOSE)
        challenge.expires_at = database_now() + settings.OTP_TTL
        challenge.save()
        otp_limits.record(requester, OtpEvent.Kind.SEND)
        queue.enqueue("accounts.deliver_code", challenge_id=challenge.pk, nonce=challenge.nonce)
        # While the row is locked, so that after two parallel requests row and Redis hold the same code.
        redis_client().set(keys.otp(identifier), _redis_values(identifier, code)[0], ex=settings.OTP_TTL)


def _code_of_another_address(challenge: OtpChallenge, requester: otp_limits.Requester) -> str | None:
    """Return the challenge's code if it is valid and not only this address asked for it."""
    is_valid = challenge.encrypted_code and challenge.expires_at > database_now()
    if not is_valid or challenge.network == requester.network:
        return None
    try:
        return decrypt(challenge.encrypted_code, purpose=_PURPOSE, max_age=settings.OTP_TTL)
    except InvalidToken:
        return None


def deliver_code(*, challenge_id: int, nonce: str) -> None:
    """Send a code, unless no account has the identifier, or the code was replaced, used or has expired."""
    challenge = OtpChallenge.objects.filter(pk=challenge_id, nonce=nonce).first()
    if challenge is None or not challenge.encrypted_code or challenge.expires_at <= database_now():
        return
    if not _may_receive_code(challenge.identifier):
        return
    try:
        code = decrypt(challenge.encrypted_code, purpose=_PURPOSE, max_age=settings.OTP_TTL)
    except InvalidToken:
        logger.warning("one-time code %s not sent: it expired, or SECRET_KEY has changed", challenge.pk)
        return
    with translation.override(_language_of(challenge.identifier)):
        subject = gettext("Your Souk Loop code")
        text = gettext(
            "%(code)s is your Souk Loop code. It expires in %(duration)s. Do not share it with anyone."
        )
        text %= {"code": code, "duration": duration_words(int(settings.OTP_TTL.total_seconds()))}
    release_connection()
    if "@" in challenge.identifier:
        send_mail(subject, text, None, [challenge.identifier])
    elif sms_budget.take_from_budget(challenge.identifier):
        sms.send(to=challenge.identifier, text=text)


def _language_of(identifier: str) -> str:
    user = user_by_identifier(identifier)
    return user.language if user is not None else User.Language.EN


def _may_receive_code(identifier: str) -> bool:
    """Return whether an active account has this address, or a closed one that never confirmed it.

    Never for an email that `normalize_email` refuses, although an account from before that rule may have it.
    """
    user = user_by_identifier(identifier)
    if user is None or user.is_active:
        return user is not None
    contact = contact_with(user, identifier)
    return contact is not None and not is_confirmed(user, contact)


def redeem_code(
    *, identifier: str, code: str, ip: str, on_success: Callable[[User], DomainError | None]
) -> None:
    """If the code is right, call `on_success(locked user)` and void it; otherwise count the guess.

    If `on_success` raises an error, nothing has changed and the code remains usable; if it returns one, what
    it changed is committed before the error is raised. Raises BadRequest (otp_invalid) for every kind of
    invalid code, RateLimited after too many wrong ones, or redis.RedisError while Redis is unavailable.
    """
    requester = otp_limits.Requester.of(identifier, ip)
    uses = [] if requester.is_known else [("otp_verify_ip", f"ip:{requester.network}")]
    with rate_limits.reserve(uses) as attempt:
        with transaction.atomic():
            refusal = _redeem_or_refuse(requester, code, on_success)
            if refusal is None:
                remember_address([identifier], ip)
        # After the transaction, so that raising does not roll back the count of guesses.
        if refusal is not None:
            if isinstance(refusal, BadRequest):  # not for a right code
                attempt.keep()
            raise refusal


def _redeem_or_refuse(
    requester: otp_limits.Requester, code: str, on_success: Callable[[User], DomainError | None]
) -> DomainError | None:
    refusal = invalid_code()
    identifier = requester.identifier
    # Parallel guesses wait for this lock, so that each sees the earlier ones counted.
    challenge = OtpChallenge.objects.select_for_update().filter(identifier=identifier).first()
    if challenge is None or challenge.guesses >= settings.OTP_MAX_GUESSES:
        return refusal
    otp_limits.check_guesses(requester)
    if challenge.expires_at <= database_now() or otp_limits.has_used_up_the_code(requester):
        return refusal
    stored = redis_client().get(keys.otp(identifier))
    if not isinstance(stored, bytes) or not any(
        hmac.compare_digest(stored, value.encode()) for value in _redis_values(identifier, code)
    ):
        otp_limits.record(requester, OtpEvent.Kind.WRONG_GUESS)
        _count_use(challenge, requester)
        return refusal
    user = user_by_identifier(identifier)
    result: DomainError | None = refusal
    if user is not None and otp_limits.may_still_match(user, requester):
        try:
            with transaction.atomic():
                result = on_success(lock_user(user.pk))
        except DomainError as error:
            _count_use(challenge, requester)
            return error
    void_code(challenge)
    return result


def _count_use(challenge: OtpChallenge, requester: otp_limits.Requester) -> None:
    """Count a use of the code; the fifth by the only address that asked for it voids it for everybody."""
    if challenge.network == requester.network:
        challenge.guesses += 1
        challenge.save(update_fields=["guesses"])
        if challenge.guesses >= settings.OTP_MAX_GUESSES:
            void_code(challenge)


def invalid_code() -> BadRequest:
    return BadRequest(
        _("The code is wrong or has expired. Request a new one."), code=AccountsErrorCode.OTP_INVALID
    )


def void_code(challenge: OtpChallenge) -> None:
    """Void a code, in the caller's transaction."""
    challenge.encrypted_code = ""
    challenge.guesses = settings.OTP_MAX_GUESSES
    challenge.save(update_fields=["encrypted_code", "guesses"])
    redis_client().delete(keys.otp(challenge.identifier))


def delete_expired_challenges() -> int:
    """Delete the challenges whose code has expired; return the number."""
    return OtpChallenge.objects.filter(expires_at__lt=database_now()).delete()[0]


def _redis_values(identifier: str, code: str) -> list[str]:
    """Return what Redis holds: the code itself in DEBUG (contract 1.3), otherwise a keyed hash.

    It may hold any of them while SECRET_KEY is replaced; the first is written.
    """
    if settings.DEBUG:
        return [code]
    return [digest.hex() for digest in keyed_hashes("accounts.otp.stored", f"{identifier}:{code}")]
