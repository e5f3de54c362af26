"""Counting looks at products: buffered in Redis, written in batches, each batch once."""

import logging
from uuid import UUID, uuid4

from django.db import connection, transaction
from redis.exceptions import RedisError, ResponseError

from listings import keys
from listings.models import ViewBatch
from soukloop.core.redis.client import redis_client

logger = logging.getLogger(__name__)

_BATCH = b"batch"


def record_view(product_id: UUID) -> None:
    """Count a look; lost when Redis is away, because a page that opens matters more."""
    try:
        redis_client().hincrby(keys.PRODUCT_VIEWS, str(product_id), 1)
    except RedisError as error:
        logger.warning("view not counted: %s", error)


def flush_views() -> int:
    """Add the buffered views to the products; returns how many.

    The buffer is renamed first, so new views gather in a new one. The batch's id is written in the
    transaction that adds it: after a crash between the commit and the removal, it is known and only removed.
    """
    client = redis_client()
    if not client.exists(keys.PRODUCT_VIEWS_BATCH):
        try:
            client.rename(keys.PRODUCT_VIEWS, keys.PRODUCT_VIEWS_BATCH)
        except ResponseError:  # no such key: nobody looked at anything
            return 0
    client.hsetnx(keys.PRODUCT_VIEWS_BATCH, _BATCH, str(uuid4()))
    buffered = client.hgetall(keys.PRODUCT_VIEWS_BATCH)
    batch_id = UUID(buffered.pop(_BATCH).decode())
    written = _add(batch_id, {pk.decode(): int(views) for pk, views in buffered.items()})
    client.delete(keys.PRODUCT_VIEWS_BATCH)
    return written


@transaction.atomic
def _add(batch_id: UUID, views: dict[str, int]) -> int:
    _, is_new = ViewBatch.objects.get_or_create(pk=batch_id)
    if not is_new:
        return 0
    with connection.cursor() as cursor:
        # Rows locked in one order, so that no two writers of many rows wait for each other both ways.
        cursor.execute(
            "UPDATE listings_product SET view_count = view_count + seen.views"
            " FROM (SELECT p.id, looked.views FROM unnest(%s::uuid[], %s::int[]) AS looked(id, views)"
            " JOIN listings_product p ON p.id = looked.id ORDER BY p.id FOR NO KEY UPDATE OF p) AS seen"
            " WHERE listings_product.id = seen.id",
            [list(views), list(views.values())],
        )
    return sum(views.values())
