"""The admin screens of listings, each with a factory of its rows."""

from listings.models import Category, Product, VideoUpload
from listings.tests.factories import make_category, make_product, make_video

SCREENS = {Category: make_category, Product: make_product, VideoUpload: make_video}
