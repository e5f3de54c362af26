"""Counting views of products: buffered in Redis, added to the products in batches."""

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
    """Count a view. Without Redis it is lost, so that the page still opens."""
    try:
        redis_client().hincrby(keys.PRODUCT_VIEWS, str(product_id), 1)
    except RedisError as error:
        logger.warning("view not counted: %s", error)


def flush_views() -> int:
    """Add the buffered views to the products; return how many.

    The buffer is renamed first, so new views go to a new one. The batch's id is committed together with its
    views: if the process dies before it deletes the batch, the next run recognises it and only deletes it.
    """
    client = redis_client()
    if not client.exists(keys.PRODUCT_VIEWS_BATCH):
        try:
            client.rename(keys.PRODUCT_VIEWS, keys.PRODUCT_VIEWS_BATCH)
        except ResponseError:  # no such key: there were no views
            return 0
    client.hsetnx(keys.PRODUCT_VIEWS_BATCH, _BATCH, str(uuid4()))
    buffered = client.hgetall(keys.PRODUCT_VIEWS_BATCH)
    batch_id = UUID(buffered.pop(_BATCH).decode())
    added = _add_batch(batch_id, {pk.decode(): int(views) for pk, views in buffered.items()})
    client.delete(keys.PRODUCT_VIEWS_BATCH)
    return added


@transaction.atomic
def _add_batch(batch_id: UUID, views: dict[str, int]) -> int:
    _, is_new = ViewBatch.objects.get_or_create(pk=batch_id)
    if not is_new:
        return 0
    with connection.cursor() as cursor:
        # The rows are locked in one order, so that two transactions that lock many of them can't deadlock.
        cursor.execute(
            "UPDATE listings_product SET view_count = view_count + added.views"
            " FROM (SELECT p.id, batch.views FROM unnest(%s::uuid[], %s::int[]) AS batch(id, views)"
            " JOIN listings_product p ON p.id = batch.id ORDER BY p.id FOR NO KEY UPDATE OF p) AS added"
            " WHERE listings_product.id = added.id",
            [list(views), list(views.values())],
        )
    return sum(views.values())
