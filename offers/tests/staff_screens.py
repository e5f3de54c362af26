"""The admin's screens of offers, and what makes a row for each."""

from offers.models import Offer, Transaction
from offers.tests.factories import make_offer, make_sale

SCREENS = {Offer: make_offer, Transaction: make_sale}
