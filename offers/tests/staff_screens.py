"""The admin screens of offers, each with a factory of its rows."""

from offers.models import Offer, Transaction
from offers.tests.factories import make_offer, make_sale

SCREENS = {Offer: make_offer, Transaction: make_sale}
