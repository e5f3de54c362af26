"""Notifying people that a product among their favourites is sold, or costs less.

By jobs, because a popular product is a favourite of 100,000 people.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from listings.models import Favorite, FavoriteNotice, PriceChange, Product
from listings.notification_kinds import FAVORITE_SOLD, PRICE_DROP
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import enqueue

Kind = FavoriteNotice.Kind


def enqueue_notifying_of_sale(product: Product, *, without: Collection[UUID] = ()) -> None:
    """Enqueue the notifications that a product was sold, but for people who are notified in another way."""
    if product.favorite_count and product.sold_at is not None:
        enqueue(
            "listings.notify_of_sale",
            product_id=str(product.pk),
            sold_at=product.sold_at.isoformat(),
            without=sorted({str(user_id) for user_id in without}),
        )


@transaction.atomic
def notify_of_sale(*, product_id: UUID, sold_at: datetime, without: Collection[UUID]) -> int:
    """Notify the people whose favourite was sold; return how many, 0 if the sale was cancelled meanwhile."""
    product = Product.objects.get(pk=product_id)
    if product.status != Product.Status.SOLD or product.sold_at != sold_at:
        return 0
    if not _record_notice(product, Kind.SOLD, occasion_at=sold_at):
        return 0
    return notify(
        user_ids=_favoured_by(product_id) - set(without),
        kind=FAVORITE_SOLD,
        params={"product": product.title},
        data={"product_id": str(product_id)},
        actor_id=product.seller_id,
    )


def record_price_change(product: Product, old_price: Decimal) -> None:
    """Record a product's new price; the people whose favourite it is are notified by a job if it is lower.

    The job runs after PRICE_DROP_DELAY, so that a mistyped price is corrected first.
    """
    now = database_now()
    PriceChange.objects.create(product=product, old_price=old_price, new_price=product.price, changed_at=now)
    if product.price < old_price and product.favorite_count:
        _enqueue_price_drop(product.pk, now + settings.PRICE_DROP_DELAY)


@transaction.atomic
def notify_of_price_drop(*, product_id: UUID) -> int:
    """Notify the people whose favourite costs less than in the last 30 days; return how many.

    The drop must be PRICE_DROP_MIN_PERCENT of the lowest earlier price of that time, so that a price which is
    raised and lowered again is no news. People are notified once in PRICE_DROP_NOTICE_EVERY; a further drop
    is told when that time is over, if the price is still as low.
    """
    product = Product.objects.get(pk=product_id)
    now = database_now()
    change = PriceChange.objects.filter(product=product).order_by("-changed_at", "-pk").first()
    earlier = _lowest_earlier_price(product_id, now)
    if change is None or earlier is None or not product.is_listed:
        return 0
    if product.price > earlier * (100 - settings.PRICE_DROP_MIN_PERCENT) / 100:
        return 0
    notices = FavoriteNotice.objects.filter(product=product, kind=Kind.PRICE_DROP)
    latest = notices.order_by("-created_at").first()
    if latest is not None and latest.occasion_at == change.changed_at:
        return 0
    if latest is not None and latest.created_at > now - settings.PRICE_DROP_NOTICE_EVERY:
        _enqueue_price_drop(product_id, latest.created_at + settings.PRICE_DROP_NOTICE_EVERY)
        return 0
    if not _record_notice(product, Kind.PRICE_DROP, occasion_at=change.changed_at):
        return 0
    return notify(
        user_ids=_favoured_by(product_id),
        kind=PRICE_DROP,
        params={
            "product": product.title,
            "price": {"amount": str(product.price), "currency": product.currency},
            "earlier_price": {"amount": str(earlier), "currency": product.currency},
        },
        data={"product_id": str(product_id)},
        actor_id=product.seller_id,
    )


def delete_old_notices() -> None:
    """Delete earlier prices and the records of notices that no rule looks back at."""
    limit = database_now() - settings.PRICE_HISTORY_KEPT_FOR
    PriceChange.objects.filter(changed_at__lt=limit).delete()
    FavoriteNotice.objects.filter(created_at__lt=limit).delete()


# Each row ends the time of its old price. One that lasted for less than the delay was probably a mistake.
_LOWEST_EARLIER_PRICE = """
SELECT min(old_price) FROM (
    SELECT old_price, changed_at - lag(changed_at) OVER (ORDER BY changed_at, id) AS lasted
    FROM listings_pricechange WHERE product_id = %(product)s AND changed_at > %(since)s
) AS earlier WHERE lasted IS NULL OR lasted >= %(delay)s
"""


def _lowest_earlier_price(product_id: UUID, now: datetime) -> Decimal | None:
    since, delay = now - settings.PRICE_HISTORY_KEPT_FOR, settings.PRICE_DROP_DELAY
    params: dict[str, Any] = {"product": product_id, "since": since, "delay": delay}
    with connection.cursor() as cursor:
        cursor.execute(_LOWEST_EARLIER_PRICE, params)
        [price] = cursor.fetchone()
    return price if price is None else Decimal(price)


def _enqueue_price_drop(product_id: UUID, at: datetime) -> None:
    enqueue(
        "listings.notify_of_price_drop",
        lock=f"listings.price_drop:{product_id}",
        schedule_at=at,
        product_id=str(product_id),
    )


def _record_notice(product: Product, kind: FavoriteNotice.Kind, *, occasion_at: datetime) -> bool:
    """Record that people are notified of this; return False if they were already."""
    _, is_new = FavoriteNotice.objects.get_or_create(
        product=product, kind=kind, occasion_at=occasion_at, defaults={"created_at": database_now()}
    )
    return is_new


def _favoured_by(product_id: UUID) -> set[UUID]:
    return set(Favorite.objects.filter(product=product_id).values_list("user_id", flat=True))
