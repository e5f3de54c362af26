"""Links in the lists of the admin."""

import pytest

from listings.tests.factories import make_product
from soukloop.core.staff import format

pytestmark = pytest.mark.django_db


def test_a_link_to_a_row_shows_its_shortened_name() -> None:
    product = make_product(title="Sneakers & socks")
    page = f"/admin/listings/product/{product.pk}/change/"
    assert format.link_to(product, 10) == f'<a href="{page}">Sneakers …</a>'


def test_a_link_to_a_row_shows_a_given_text() -> None:
    product = make_product()
    page = f"/admin/listings/product/{product.pk}/change/"
    assert format.link_to(product, text="R & B") == f'<a href="{page}">R &amp; B</a>'
    assert format.link_to_page("listings.product", product.pk, "R & B") == format.link_to(
        product, text="R & B"
    )


def test_a_missing_row_is_shown_as_a_dash() -> None:
    assert format.link_to(None, text="nobody") == format.NOTHING
