"""The admin's screens of listings, and what makes a row for each."""

from listings.models import Category, Product
from listings.tests.factories import make_category, make_product

SCREENS = {Category: make_category, Product: make_product}
