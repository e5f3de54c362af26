"""Notices to people about their own accounts."""

from accounts.contacts import Contact
from accounts.hooks import ContactChange
from accounts.models import User
from notifications import notification_kinds as kinds
from notifications.services.notify import notify

_CONTACT_KINDS = {
    "added": kinds.CONTACT_ADDED,
    "confirmed": kinds.CONTACT_CONFIRMED,
    "removed": kinds.CONTACT_REMOVED,
}


def notify_of_new_password(user: User) -> None:
    notify(user_ids=[user.pk], kind=kinds.PASSWORD_CHANGED, params={}, data={})


def notify_of_contact(
    user: User, contact: Contact, address: str, change: ContactChange, is_confirmed: bool
) -> None:
    """Notify a person of a change of their email or phone.

    Only a part of the address is shown, because pushes are seen on locked screens. That a confirmed email was
    removed is emailed to that address itself.
    """
    is_lost_email = contact == "email" and change == "removed" and is_confirmed
    notify(
        user_ids=[user.pk],
        kind=_CONTACT_KINDS[change],
        params={"contact": {"label": contact}, "address": mask_address(address)},
        data={"contact": contact},
        earlier_email=address if is_lost_email else None,
    )


def notify_of_reopening(user: User) -> None:
    notify(user_ids=[user.pk], kind=kinds.ACCOUNT_REOPENED, params={}, data={})


def notify_of_badge(user: User) -> None:
    notify(user_ids=[user.pk], kind=kinds.BADGE_GIVEN, params={}, data={})


def mask_address(address: str) -> str:
    """Return an email or phone with its middle hidden, such as `n•••@example.com` or `+971•••4567`."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}•••@{domain}"
    return f"{address[:4]}•••{address[-4:]}"
