"""The admin's screens of notifications, and what makes a row for each."""

from notifications.models import Notification
from offers.tests.factories import make_offer

SCREENS = {Notification: make_offer}  # its seller is notified
