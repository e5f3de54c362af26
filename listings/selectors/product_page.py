"""What a product's page shows of its viewer: favourite, following, distance, dealings with the seller."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from listings import hooks
from listings.models import Product
from listings.queries import Place
from soukloop.core.db.reads import Statement, fetch

_NOTHING = {"my_conversation": None, "my_offer": None, "buying": None}
_DISTANCE = "ST_Distance(public_location, ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography)"


@dataclass(frozen=True)
class ViewerDetails:
    """The fields of a product's page that differ between viewers; `metres` are from the given place."""

    is_favorite: bool = False
    is_following: bool = False
    metres: float | None = None
    dealings: Mapping[str, Any] = field(default_factory=_NOTHING.copy)


NO_DETAILS = ViewerDetails()


def viewer_details(product: Product, viewer: User | None, place: Place | None = None) -> ViewerDetails:
    """Return what this viewer's page of a product shows, in one statement beside those of the hook."""
    if viewer is None and place is None:
        return NO_DETAILS
    viewer_id = viewer.pk if viewer else None
    distance = _DISTANCE if place else "NULL"
    sql = f"""
        SELECT EXISTS (SELECT FROM listings_favorite WHERE user_id = %s AND product_id = product.id),
            EXISTS (SELECT FROM accounts_follow WHERE follower_id = %s AND followed_id = product.seller_id),
            {distance}
        FROM listings_product AS product WHERE id = %s
    """
    point = [place.longitude, place.latitude] if place else []
    [(is_favorite, is_following, metres)] = fetch(Statement(sql, [viewer_id, viewer_id, *point, product.pk]))
    return ViewerDetails(is_favorite, is_following, metres, hooks.dealings_of(viewer, product))
