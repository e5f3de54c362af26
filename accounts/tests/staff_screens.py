"""The admin screens of accounts, each with a factory of its rows."""

from accounts.models import User
from accounts.tests.factories import make_user

SCREENS = {User: make_user}
