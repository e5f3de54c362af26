"""The admin's screens of accounts, and what makes a row for each."""

from accounts.models import User
from accounts.tests.factories import make_user

SCREENS = {User: make_user}
