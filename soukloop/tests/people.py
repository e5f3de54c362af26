"""The users of the permission tests."""

from dataclasses import dataclass, field

from accounts.models import User
from accounts.tests.factories import make_seller, make_user


@dataclass(frozen=True)
class People:
    """A seller, a buyer in contact with the seller, and a stranger to both."""

    stranger: User = field(default_factory=make_user)
    buyer: User = field(default_factory=make_user)
    seller: User = field(default_factory=make_seller)
