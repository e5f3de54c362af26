"""The parameters of lists: parsed from the URL and validated, with a message per field."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from listings.models import Product
from soukloop.core.errors import Text, ValidationFailed
from soukloop.core.http.pagination import Page
from soukloop.core.typed_text import normalize_digits

DISCOVER_SORTS = ("recent", "popular", "price_low", "price_high")
COMMUNITY_SORTS = ("nearest", "recent", "price_low", "price_high")
SEARCH_SORTS = ("relevance", "recent", "price_low", "price_high", "nearest")

# As strict as for the prices of products: "1e2", "1_0" or "٥" are probably mistakes.
_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
# In degrees a tenth of a millimetre; smaller numbers other than zero may be too small for PostgreSQL.
_LEAST_NUMBER = 1e-9


@dataclass(frozen=True)
class Place:
    latitude: float
    longitude: float
    radius_km: float


@dataclass(frozen=True)
class ListQuery:
    page: Page
    sort: str
    cursor: str = ""
    category: str = ""
    condition: str = ""
    feed_type: str = ""
    text: str = ""
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    place: Place | None = None


def discover_query(params: QueryDict) -> ListQuery:
    """Read the Discover feed's parameters (contract 2.3); raises ValidationFailed."""
    reader = _Reader(params)
    query = ListQuery(
        page=reader.page(),
        sort=reader.choice("sort", DISCOVER_SORTS) or "recent",
        cursor=reader.text("cursor", 400),
        category=reader.text("category", 40),
        feed_type=Product.FeedType.DISCOVER.value,
    )
    reader.finish()
    return query


def community_query(params: QueryDict) -> ListQuery:
    """Read the Community feed's parameters (contract 2.4); raises ValidationFailed."""
    reader = _Reader(params)
    query = ListQuery(
        page=reader.page(),
        sort=reader.choice("sort", COMMUNITY_SORTS) or "nearest",
        cursor=reader.text("cursor", 400),
        category=reader.text("category", 40),
        feed_type=Product.FeedType.COMMUNITY.value,
        place=reader.place(required=True),
    )
    reader.finish()
    return query


def home_query(params: QueryDict) -> tuple[ListQuery, ListQuery | None]:
    """Read the home screen's parameters: the first pages of Discover, and of Community if a place is given.

    Raises ValidationFailed.
    """
    reader = _Reader(params)
    place = reader.place(required=False)
    reader.finish()
    page = Page(1, settings.PAGE_SIZE)
    discover = ListQuery(page=page, sort="recent", feed_type=Product.FeedType.DISCOVER.value)
    if place is None:
        return discover, None
    community = Product.FeedType.COMMUNITY.value
    return discover, ListQuery(page=page, sort="nearest", feed_type=community, place=place)


def place_query(params: QueryDict) -> Place | None:
    """Read where a viewer is, from which distances are measured; raises ValidationFailed."""
    reader = _Reader(params)
    place = reader.place(required=False)
    reader.finish()
    return place


def suggestions_query(params: QueryDict) -> str:
    """Read the text to complete (contract 2.5), as it was typed; raises ValidationFailed."""
    text: str = params.get("q", "")
    if len(text) > settings.SEARCH_QUERY_MAX_LENGTH:
        raise ValidationFailed(details={"q": [_too_long(settings.SEARCH_QUERY_MAX_LENGTH)]})
    return text


def search_query(params: QueryDict) -> ListQuery:
    """Read a search's parameters (contract 2.5); raises ValidationFailed."""
    reader = _Reader(params)
    text = reader.text("q", settings.SEARCH_QUERY_MAX_LENGTH)
    place = reader.place(required=False)
    sort = reader.choice("sort", SEARCH_SORTS) or "relevance"
    if sort == "nearest" and place is None:
        reader.problem("sort", _("Nearest to what? Give latitude and longitude."))
    least, most = reader.price("min_price"), reader.price("max_price")
    if least is not None and most is not None and least > most:
        reader.problem("max_price", _("This is below min_price."))
    query = ListQuery(
        page=reader.page(),
        sort="recent" if sort == "relevance" and not text else sort,
        cursor=reader.text("cursor", 400),
        category=reader.text("category", 40),
        condition=reader.choice("condition", Product.Condition.values),
        feed_type=reader.choice("feed_type", Product.FeedType.values),
        text=text,
        min_price=least,
        max_price=most,
        place=place,
    )
    reader.finish()
    return query


def seller_query(params: QueryDict, *, is_own: bool) -> tuple[ListQuery, str]:
    """Read the parameters of a seller's list and the requested status; raises ValidationFailed.

    Of other sellers only active products are visible, so another status is an error.
    """
    reader = _Reader(params)
    shown = [status for status in Product.Status.values if status != Product.Status.DELETED]
    if not is_own:
        shown = [Product.Status.ACTIVE.value]
    status = reader.choice("status", shown)
    query = ListQuery(page=reader.page(), sort="recent", cursor=reader.text("cursor", 400))
    reader.finish()
    return query, status


def _too_long(limit: int) -> Text:
    return ngettext("At most %(limit)d character.", "At most %(limit)d characters.", limit) % {"limit": limit}


class _Reader:
    """Collects the errors of all fields for one response."""

    def __init__(self, params: QueryDict) -> None:
        self.params = params
        self.problems: dict[str, list[Text]] = {}

    def problem(self, name: str, message: Text) -> None:
        self.problems.setdefault(name, []).append(message)

    def finish(self) -> None:
        if self.problems:
            raise ValidationFailed(details=self.problems)

    def text(self, name: str, longest: int) -> str:
        value = self.params.get(name, "").strip()
        if len(value) > longest:
            self.problem(name, _too_long(longest))
        return value

    def choice(self, name: str, choices: Iterable[str]) -> str:
        value = self.params.get(name, "")
        if value and value not in choices:
            self.problem(name, _("One of: %(choices)s.") % {"choices": ", ".join(choices)})
        return value

    def page(self) -> Page:
        page = Page(
            self._whole("page", 1, settings.PAGE_DEPTH_MAX),
            self._whole("per_page", settings.PAGE_SIZE, settings.PAGE_SIZE_MAX),
        )
        if page.offset + page.size > settings.PAGE_DEPTH_MAX and not self.params.get("cursor"):
            message = _("Pages reach %(limit)s items; go on with `next_cursor`.")
            self.problem("page", message % {"limit": settings.PAGE_DEPTH_MAX})
        return page

    def price(self, name: str) -> Decimal | None:
        value = normalize_digits(self.params.get(name, ""))
        if not value:
            return None
        if not _PRICE.fullmatch(value):
            self.problem(name, _("A price is a number from 0 with at most two decimal places."))
            return None
        return Decimal(value)

    def place(self, *, required: bool) -> Place | None:
        if not required and not any(self.params.get(name) for name in ("latitude", "longitude", "radius_km")):
            return None
        latitude = self._number("latitude", None, -90, 90)
        longitude = self._number("longitude", None, -180, 180)
        radius = self._number(
            "radius_km", settings.COMMUNITY_RADIUS_KM, 0.01, settings.COMMUNITY_RADIUS_KM_MAX
        )
        return Place(latitude, longitude, radius)

    def _number(self, name: str, default: float | None, least: float, most: float) -> float:
        value = self.params.get(name, "")
        if not value and default is not None:
            return default
        try:
            number = float(value) if value.isascii() and "_" not in value else math.nan
        except ValueError:
            number = math.nan
        if 0 < abs(number) < _LEAST_NUMBER:
            number = math.nan
        if not least <= number <= most:
            message = _("Use a number from %(min)s to %(max)s.") % {"min": least, "max": most}
            self.problem(name, message if value else _("This field is required."))
        return number

    def _whole(self, name: str, default: int, most: int) -> int:
        value = self.params.get(name, "")
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most):
            self.problem(name, _("Use a whole number from %(min)s to %(max)s.") % {"min": 1, "max": most})
            return default
        return int(value)
