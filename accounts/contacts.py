"""The contact rule: an email or phone counts as its account's only once a code for it was redeemed."""

from typing import Literal

from accounts.identifiers import normalize_identifier
from accounts.models import User

Contact = Literal["email", "phone"]
CONTACTS: tuple[Contact, Contact] = ("email", "phone")


def contact_with(user: User, address: str) -> Contact | None:
    """Return which of the user's contacts has this normalized address."""
    return next((each for each in CONTACTS if (getattr(user, each) or "").lower() == address), None)


def is_confirmed(user: User, contact: Contact) -> bool:
    return getattr(user, f"{contact}_confirmed_at") is not None


def other_contact(contact: Contact) -> Contact:
    return "phone" if contact == "email" else "email"


def accepts_login_by(user: User, identifier: str) -> bool:
    """Return whether the user may log in with this identifier, which is one of theirs.

    The username always, an email or phone once it is confirmed. While neither is confirmed, both are accepted
    too: a person who registered can log in before the first code, and the first recovery by the real owner of
    an address replaces the password.
    """
    name = normalize_identifier(identifier)
    if name == user.username.lower():
        return True
    contact = contact_with(user, name)
    return contact is not None and (is_confirmed(user, contact) or not user.is_verified)
