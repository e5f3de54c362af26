"""Contacts: what a right one-time code for an email or phone does to the account that has it."""

from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts import hooks
from accounts.contacts import CONTACTS, Contact, contact_with, is_confirmed, other_contact
from accounts.error_codes import AccountsErrorCode
from accounts.models import User
from accounts.services import otp
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, DomainError

CONFIRMATION_FIELDS = (
    "email_confirmed_at",
    "email_has_proven_owner",
    "phone_confirmed_at",
    "phone_has_proven_owner",
)


def verify_code(
    *, identifier: str, code: str, ip: str, actor: User | None, token_error: DomainError | None = None
) -> None:
    """Redeem a code and confirm its email or phone (contract 1.4).

    `actor` is the user who is logged in, if any, and `token_error` why a token that was sent is not accepted.
    Raises as `otp.redeem_code` does, Conflict (contact_released), or `token_error` if the code would have
    taken the contact off its account.
    """

    def confirm(user: User) -> DomainError | None:
        actor_id = actor.pk if actor is not None else None
        return confirm_contact(user, identifier, actor_id=actor_id, token_error=token_error)

    otp.redeem_code(identifier=identifier, code=code, ip=ip, on_success=confirm)


def confirm_contact(
    user: User,
    address: str,
    *,
    actor_id: UUID | None = None,
    token_error: DomainError | None = None,
    is_recovery: bool = False,
) -> DomainError | None:
    """Apply the proof of an address to the locked account that has it; return why it gives no access, if so.

    - Confirmed here already: access.
    - Not confirmed, and the account has another confirmed contact: only a login of this account confirms it.
      Anybody else proves that the address is not the account holder's, so it is taken off the account.
    - Not confirmed, and no other is: it is confirmed. By `is_recovery` it takes the account over.

    A contact has a proven owner once it was confirmed by a login of this account or by a recovery. A code
    that is redeemed without either proves none: its sender and the one who knows the password may be two
    people. A recovery by a contact without a proven owner therefore drops the other contact even if that is
    confirmed; any recovery drops an unconfirmed one. The caller of a recovery sets the new password and ends
    all logins.
    """
    contact = contact_with(user, address)
    if contact is None:  # changed since the account was found
        return otp.invalid_code()
    other = other_contact(contact)
    is_own_login = actor_id == user.pk and not is_recovery
    dropped, was_confirmed = None, False
    if not is_confirmed(user, contact):
        if not user.is_active or (is_confirmed(user, other) and not is_own_login):
            if token_error is not None:
                raise token_error
            drop_contact(user, contact)
            _save_contacts(user)
            hooks.contact_changed(user, contact, address, "removed", False)
            return _contact_released(contact)
        setattr(user, f"{contact}_confirmed_at", database_now())
        _set_proven_owner(user, contact, False)
        if is_confirmed(user, other):
            hooks.contact_changed(user, contact, address, "confirmed", True)
    if is_recovery and not (_has_proven_owner(user, contact) and is_confirmed(user, other)):
        dropped, was_confirmed = getattr(user, other), is_confirmed(user, other)
        drop_contact(user, other)
    if is_recovery or is_own_login:
        _set_proven_owner(user, contact, True)
    _save_contacts(user)
    if dropped:
        hooks.contact_changed(user, other, dropped, "removed", was_confirmed)
    return None


def drop_contact(user: User, contact: Contact) -> None:
    """Take a contact off the account, without saving it; another account may then have it."""
    setattr(user, contact, None)
    reset_confirmation(user, contact)


def reset_confirmation(user: User, contact: Contact) -> None:
    """Make a contact unconfirmed, without saving it."""
    setattr(user, f"{contact}_confirmed_at", None)
    _set_proven_owner(user, contact, False)


def _has_proven_owner(user: User, contact: Contact) -> bool:
    return bool(getattr(user, f"{contact}_has_proven_owner"))


def _set_proven_owner(user: User, contact: Contact, is_proven: bool) -> None:
    setattr(user, f"{contact}_has_proven_owner", is_proven)


def _save_contacts(user: User) -> None:
    user.save(update_fields=[*CONTACTS, *CONFIRMATION_FIELDS, "updated_at"])


def _contact_released(contact: Contact) -> Conflict:
    message = _(
        "This phone number was never confirmed on the account that had it, and has been removed from that"
        " account. You can register with it. To add it to your own account, log in first."
    )
    if contact == "email":
        message = _(
            "This email address was never confirmed on the account that had it, and has been removed from"
            " that account. You can register with it. To add it to your own account, log in first."
        )
    return Conflict(message, code=AccountsErrorCode.CONTACT_RELEASED)
