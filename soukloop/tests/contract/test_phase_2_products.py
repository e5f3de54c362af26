"""Phase 2: products and feeds."""

import pytest
from django.db import connection

from listings.models import Product
from soukloop.tests.contract.people import JORDAN, POKEMON, App, moment

pytestmark = pytest.mark.django_db(transaction=True)


def test_phase_2_products_and_feeds(seller: App, visitor: App) -> None:
    # 2.1: Community, 5 %
    jordan = seller.post("/products", JORDAN, expect=201)
    assert {key: jordan[key] for key in ("title", "price", "feed_type", "is_available")} == {
        "title": JORDAN["title"],
        "price": 850.00,
        "feed_type": "community",
        "is_available": True,
    }
    assert (jordan["platform_fee"], jordan["seller_payout"]) == (42.50, 807.50)
    assert jordan["seller"]["username"].lstrip("@") == "testseller"
    moment(jordan["created_at"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_AsText(location::geometry) FROM listings_product WHERE id = %s", [jordan["id"]]
        )
        assert cursor.fetchone() == ("POINT(55.1369 25.0772)",)

    # 2.2: Discover, 15 %, video required
    pokemon = seller.post("/products", POKEMON, expect=201)
    assert pokemon["platform_fee"] == 44.85
    without_video = {key: value for key, value in POKEMON.items() if key != "video_url"}
    refused = seller.call("POST", "/products", without_video, expect=400)
    assert list(refused["error"]["details"]) == ["video_url"]

    # 2.3: the Discover feed has Discover products only
    feed = visitor.get("/feeds/discover", page=1, per_page=20, sort="recent")
    assert (feed["page"], feed["per_page"], feed["total"], feed["has_more"]) == (1, 20, 1, False)
    [item] = feed["items"]
    assert item["id"] == pokemon["id"]
    assert item["price"] == 299.00
    assert item["video_url"] == POKEMON["video_url"]
    assert item["thumbnail_url"]
    assert item["is_live"] is False
    assert item["seller"]["username"] == "@testseller"
    assert {"avatar_url", "is_verified"} <= set(item["seller"])
    assert visitor.get("/feeds/discover", category="sneakers")["items"] == []

    # 2.4: the Community feed by distance
    near = visitor.get("/feeds/community", latitude=25.0772, longitude=55.1369, radius_km=5, sort="nearest")
    [item] = near["items"]
    assert item["id"] == jordan["id"]
    assert 0 <= item["distance_km"] <= 0.5
    assert item["distance_label"] == "Walking distance"
    assert item["neighborhood"] == "Dubai Marina"
    far = visitor.get("/feeds/community", latitude=24.4539, longitude=54.3773, radius_km=5)
    assert far["items"] == []

    # 2.5: search with filters and facets
    found = visitor.get("/search", q="nike jordan", category="sneakers", min_price=500, max_price=1000)
    assert [item["id"] for item in found["items"]] == [jordan["id"]]
    assert found["total"] == 1
    assert {"category": "sneakers", "count": 1} in found["facets"]["categories"]
    assert {"label": "AED 500-1000", "count": 1} in [
        {"label": bucket["label"], "count": bucket["count"]} for bucket in found["facets"]["price_ranges"]
    ]

    # 2.6: the twelve categories, counted
    categories = {category["slug"]: category for category in visitor.get("/categories")}
    assert len(categories) == 12
    assert {
        key: categories["trading_cards"][key] for key in ("name", "icon", "color", "secondary_color")
    } == {
        "name": "Trading Card Games",
        "icon": "🎴",
        "color": "#9333EA",
        "secondary_color": "#EC4899",
    }
    assert categories["sneakers"]["name"] == "Sneakers & Streetwear"
    for slug in ("trading_cards", "sneakers"):
        assert categories[slug]["total_products"] == 1
        assert categories[slug]["active_listings_count"] == 1
        assert categories[slug]["live_streams_count"] == 0
    assert visitor.get("/categories/sneakers")["slug"] == "sneakers"

    # The checklist: update, and delete softly
    changed = seller.patch(f"/products/{jordan['id']}", {"price": 800})
    assert (changed["price"], changed["platform_fee"]) == (800.00, 40.00)
    assert seller.http.delete(
        f"/products/{jordan['id']}", headers={"Authorization": f"Bearer {seller.token}"}
    ).status_code in (200, 204)
    assert Product.objects.filter(pk=jordan["id"]).exists()
    visitor.call("GET", f"/products/{jordan['id']}", expect=404)
