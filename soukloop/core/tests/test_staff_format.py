"""What staff's cells link to, and by which text."""

import pytest

from listings.tests.factories import make_product
from soukloop.core.staff import format

pytestmark = pytest.mark.django_db


def test_a_row_is_linked_to_by_its_name_that_is_cut() -> None:
    product = make_product(title="Sneakers & socks")
    page = f"/admin/listings/product/{product.pk}/change/"
    assert format.link_to(product, 10) == f'<a href="{page}">Sneakers …</a>'


def test_a_row_is_linked_to_by_another_text() -> None:
    product = make_product()
    page = f"/admin/listings/product/{product.pk}/change/"
    assert format.link_to(product, text="R & B") == f'<a href="{page}">R &amp; B</a>'
    assert format.link_to_page("listings.product", product.pk, "R & B") == format.link_to(
        product, text="R & B"
    )


def test_no_row_is_a_dash() -> None:
    assert format.link_to(None, text="nobody") == format.NOTHING
