"""The admin screens of notifications, each with a factory of its rows."""

from notifications.models import Notification
from offers.tests.factories import make_offer

SCREENS = {Notification: make_offer}  # its seller is notified
