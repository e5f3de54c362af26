"""A stream's statistics and analytics, counted from PostgreSQL and the live counts in Redis."""

from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from accounts.models import Follow
from chat.models import Conversation
from livestream import live_counts
from livestream.models import Stream, StreamProduct, ViewerSession
from livestream.selectors.reactions import saved_reactions
from livestream.selectors.viewers import viewer_stats
from offers.models import Offer, Transaction
from soukloop.core.db.clock import database_now

NEIGHBORHOODS_MAX = 10


def end_stats(stream: Stream) -> dict[str, Any]:
    """Return the statistics in the response to ending a stream (contract 4.8)."""
    products = stream.stream_products.aggregate(
        tagged=Count("first_tagged_at"), clicks=Sum("clicks", default=0)
    )
    return {
        "peakViewers": stream.peak_viewers,
        "uniqueViewers": stream.unique_viewers,
        "totalLikes": stream.total_likes,
        "chatMessages": stream.chat_count,
        "averageWatchTime": stream.average_watch_seconds,
        "productsTagged": products["tagged"],
        "clicksOnProducts": products["clicks"],
    }


def stream_analytics(stream: Stream) -> dict[str, Any]:
    """Return the analytics of a stream in any status (contract 4.9); those of a live stream are as of now."""
    since = stream.started_at
    until = stream.ended_at or database_now()
    stats = viewer_stats(stream)
    reactions = _reactions(stream)
    sales = _sales(stream)
    return {
        "basicStats": {
            "duration": stream.duration_seconds,
            "peakViewers": max(stats.peak, stream.peak_viewers),
            "uniqueViewers": stats.unique,
            "averageWatchTime": stats.average_seconds,
            "notificationsSent": stream.notifications_sent,
        },
        "engagement": {
            "totalLikes": sum(reactions.values()),
            "totalReactions": reactions,
            "chatMessages": stream.chat_count,
            "newFollowers": _new_followers(stream, since, until),
        },
        "products": _products(stream, sales, since, until),
        "revenue": {
            "totalSales": len(sales),
            "grossRevenue": _total(sales, "price"),
            "platformFee": _total(sales, "platform_fee"),
            "netRevenue": _total(sales, "seller_payout"),
        },
        "geography": {"topNeighborhoods": _neighborhoods(stream)},
        "viewersPerMinute": [
            {"minute": minute, "viewers": viewers}
            for minute, viewers in stream.viewer_samples.order_by("minute").values_list("minute", "viewers")
        ],
    }


def _reactions(stream: Stream) -> dict[str, int]:
    """Return emoji → count, most used first: the higher of the saved total and the live count."""
    saved = saved_reactions(stream.pk)
    counted = live_counts.reactions(stream.pk) if stream.is_live else {}
    newest = {emoji: max(saved.get(emoji, 0), counted.get(emoji, 0)) for emoji in saved | counted}
    return dict(sorted(newest.items(), key=lambda pair: (-pair[1], pair[0])))


def _new_followers(stream: Stream, since: datetime | None, until: datetime) -> int:
    if since is None:
        return 0
    return Follow.objects.filter(followed=stream.seller_id, created_at__range=(since, until)).count()


def _sales(stream: Stream) -> list[Transaction]:
    """Return the stream's sales that were paid or handed over, and not given back."""
    return list(
        Transaction.objects.filter(stream_id=stream.pk, paid_at__isnull=False)
        .exclude(status__in=[Transaction.Status.CANCELLED, Transaction.Status.REFUNDED])
        .only("product_id", "price", "platform_fee", "seller_payout")
    )


def _products(
    stream: Stream, sales: list[Transaction], since: datetime | None, until: datetime
) -> list[dict[str, Any]]:
    stream_products = list(stream.stream_products.select_related("product").order_by("position", "pk"))
    views = _views(stream, stream_products)
    inquirers = _inquirers(stream, [row.product_id for row in stream_products], since, until)
    purchases = Counter(sale.product_id for sale in sales)
    revenue: dict[UUID, Decimal] = defaultdict(Decimal)
    for sale in sales:
        revenue[sale.product_id] += sale.price
    return [
        {
            "productId": row.product_id,
            "title": row.product.title,
            "clicks": row.clicks,
            "views": views[row.product_id],
            "inquiries": len(inquirers[row.product_id]),
            "purchases": purchases[row.product_id],
            "revenue": revenue[row.product_id],
        }
        for row in stream_products
    ]


def _views(stream: Stream, stream_products: list[StreamProduct]) -> Counter[UUID]:
    """Count for each product the people who watched after it was first tagged."""
    sessions = list(ViewerSession.objects.filter(stream=stream).values_list("user_id", "left_at"))
    counts: Counter[UUID] = Counter()
    for row in stream_products:
        if row.first_tagged_at is not None:
            people = {user for user, left_at in sessions if left_at is None or left_at >= row.first_tagged_at}
            counts[row.product_id] = len(people)
    return counts


def _inquirers(
    stream: Stream, product_ids: list[UUID], since: datetime | None, until: datetime
) -> dict[UUID, set[UUID]]:
    people: dict[UUID, set[UUID]] = defaultdict(set)
    if since is None:
        return people
    conversations = Conversation.objects.filter(
        product__in=product_ids, seller=stream.seller_id, created_at__range=(since, until)
    ).values_list("product_id", "buyer_id")
    offers = Offer.objects.filter(stream_id=stream.pk).values_list("product_id", "buyer_id")
    for product_id, buyer_id in (*conversations, *offers):
        people[product_id].add(buyer_id)
    return people


def _neighborhoods(stream: Stream) -> list[dict[str, Any]]:
    rows: Any = (
        ViewerSession.objects.filter(stream=stream)
        .exclude(neighborhood="")
        .values("neighborhood")
        .annotate(viewers=Count("user", distinct=True))
        .order_by("-viewers", "neighborhood")
    )
    return list(rows[:NEIGHBORHOODS_MAX])


def _total(sales: list[Transaction], column: str) -> Decimal:
    return sum((getattr(sale, column) for sale in sales), Decimal(0))
