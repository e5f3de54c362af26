"""Admin screens of products and categories."""

import pytest
from django.contrib.gis.geos import Point, Polygon
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import make_staff
from listings import emirates_map
from listings.models import Product
from listings.tests.factories import make_product

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_staff(), backend="accounts.authentication.IdentifierBackend")
    return client


def change_url(product: Product) -> str:
    return reverse("admin:listings_product_change", args=[product.pk])


def run_action(staff: Client, product: Product, action: str, reason: str) -> int:
    body = {"action": action, "_selected_action": [str(product.pk)], "confirmed": "1", "reason": reason}
    return staff.post(reverse("admin:listings_product_changelist"), body).status_code


def test_product_is_found_and_shown_with_its_location_on_a_map(staff: Client) -> None:
    product = make_product(title="Oud burner", location=Point(55.2708, 25.2048, srid=4326))
    listed = staff.get(reverse("admin:listings_product_changelist"), {"q": "oud"})
    assert b"Oud burner" in listed.content
    page = staff.get(change_url(product)).content.decode()
    assert "25.20480, 55.27080" in page
    assert "<svg" in page
    assert 'src="http' not in page


def test_map_shows_coasts_cities_and_both_locations(staff: Client) -> None:
    product = make_product(
        location=Point(55.2708, 25.2048, srid=4326), public_location=Point(55.2718, 25.2058, srid=4326)
    )
    page = staff.get(change_url(product)).content.decode()
    assert page.count('<polyline class="coast"') == 2
    for name in ("Abu Dhabi", "Dubai", "Sharjah", "Ajman", "Umm Al Quwain", "Ras Al Khaimah", "Fujairah"):
        assert f">{name}</text>" in page
    assert "Exact location, for the seller and staff: 25.20480, 55.27080" in page
    assert "Public location, 150 m away, for everyone else: 25.20580, 55.27180" in page


def test_cities_are_on_land_and_locations_outside_are_drawn_at_the_edge() -> None:
    land = Polygon([*emirates_map.LAND, emirates_map.LAND[0]])
    assert land.valid
    assert [name for name, place, *_ in emirates_map.CITIES if not land.contains(Point(*place))] == []
    drawing = emirates_map.render_map((-0.12, 51.5), (-0.12, 51.5))  # London
    assert '<circle class="exact" cx="5" cy="5" r="6"/>' in drawing


def test_hiding_and_restoring_need_a_reason(staff: Client) -> None:
    product = make_product()
    assert run_action(staff, product, "hide", "") == 200
    product.refresh_from_db()
    assert product.status == Product.Status.ACTIVE
    assert run_action(staff, product, "hide", "Counterfeit") == 302
    product.refresh_from_db()
    assert product.status == Product.Status.HIDDEN
    assert run_action(staff, product, "restore", "Papers shown") == 302
    product.refresh_from_db()
    assert product.status == Product.Status.ACTIVE


def test_staff_cannot_edit_products(staff: Client) -> None:
    product = make_product()
    assert staff.post(change_url(product), {"status": "sold"}).status_code == 403
    product.refresh_from_db()
    assert product.status == Product.Status.ACTIVE


def test_form_says_who_can_read_the_reason(staff: Client) -> None:
    product = make_product()
    for action, is_shown_to_seller in (("hide", True), ("restore", False)):
        body = {"action": action, "_selected_action": [str(product.pk)]}
        page = staff.post(reverse("admin:listings_product_changelist"), body).content.decode()
        assert ("The seller can read this" in page) is is_shown_to_seller
        assert ("Kept in the history, for other staff." in page) is not is_shown_to_seller


def test_page_says_why_a_product_is_not_listed(staff: Client) -> None:
    product = make_product(status="hidden", hidden_reason="A counterfeit", seller_closed=True)
    page = staff.get(change_url(product)).content.decode()
    assert "A counterfeit" in page
    assert "seller closed" in page.lower()


def test_action_with_an_invalid_id_changes_nothing(staff: Client) -> None:
    product = make_product()
    url = reverse("admin:listings_product_changelist")
    body = {"action": "hide", "_selected_action": ["zz", str(product.pk)], "confirmed": "1", "reason": "x"}
    answer = staff.post(url, body, follow=True)
    assert answer.status_code == 200
    assert "Row not found." in answer.content.decode()
    product.refresh_from_db()
    assert product.status == Product.Status.ACTIVE


def test_long_titles_are_truncated_in_the_list(staff: Client) -> None:
    product = make_product(title="Oud " * 12 + "burner")
    page = staff.get(reverse("admin:listings_product_changelist")).content.decode()
    assert "Oud Oud Oud Oud…</a>" in page
    assert f"{product.title}</a>" not in page
    assert product.title in staff.get(change_url(product)).content.decode()
