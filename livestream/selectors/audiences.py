"""Who is told that a stream is live."""

from django.conf import settings
from django.contrib.gis.geos import Point
from django.contrib.gis.measure import D
from django.db.models import QuerySet

from accounts.models import Follow, User
from accounts.selectors import blocked_ids
from livestream.models import Stream


def people_to_notify(stream: Stream) -> QuerySet[User]:
    """Return the followers and the neighbours that the stream's settings name, each once.

    A stream for followers is no news to neighbours who may not watch it.
    """
    told: list[QuerySet[User]] = []
    open_accounts = User.objects.filter(is_active=True)
    if stream.notify_followers:
        followers = Follow.objects.filter(followed=stream.seller_id).values("follower")
        told.append(open_accounts.filter(pk__in=followers))
    if stream.notify_neighborhood and stream.audience == Stream.Audience.EVERYONE:
        point = _place_of(stream)
        if point is not None:
            radius = D(km=settings.STREAM_NEIGHBORHOOD_RADIUS_KM)
            told.append(open_accounts.filter(location__dwithin=(point, radius)))
    if not told:
        return User.objects.none()
    people = (
        told[0]
        if len(told) == 1
        else User.objects.filter(pk__in=told[0].values("pk").union(told[1].values("pk")))
    )
    return people.exclude(pk__in=blocked_ids(stream.seller_id) | {stream.seller_id})


def _place_of(stream: Stream) -> Point | None:
    """Return where the seller lives, or else where the first thing shown is."""
    if stream.seller.location is not None:
        return stream.seller.location
    return (
        stream.stream_products.filter(product__location__isnull=False)
        .order_by("position")
        .values_list("product__location", flat=True)
        .first()
    )
