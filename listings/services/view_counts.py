"""Counting views of products, which are buffered in Redis and added to the products in batches."""

import logging
import time
from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from redis.exceptions import RedisError, ResponseError

from listings import keys
from listings.models import ViewBatch
from soukloop.core.db.clock import database_now
from soukloop.core.redis.client import redis_client
from soukloop.core.redis.rate_limits import network_of

logger = logging.getLogger(__name__)

_BATCH = b"batch"
# KEYS: the batch. ARGV: its id. Another worker may have deleted it and begun the next one under the same key.
_DELETE_BATCH = """
if redis.call('HGET', KEYS[1], 'batch') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
_BATCHES_KEPT_FOR = timedelta(days=7)


# KEYS: the people who were counted, the buffer. ARGV: the person, how many people are counted (0: all), for
# how many seconds they are known, the product. One script, so that nobody is noted without being counted.
_COUNT_ONCE = """
local limit = tonumber(ARGV[2])
if limit > 0 and redis.call('SCARD', KEYS[1]) >= limit then return 0 end
if redis.call('SADD', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HINCRBY', KEYS[2], ARGV[4], 1)
return 1
"""


def record_view(product_id: UUID, *, viewer_id: UUID | None, ip: str, user_agent: str) -> None:
    """Count a view, once per person, product and PRODUCT_VIEWS_PERIOD.

    People who aren't logged in are told apart by address and user agent, of which only keyed digests are
    kept. Without Redis the view isn't counted but the page is shown.
    """
    seconds = int(settings.PRODUCT_VIEWS_PERIOD.total_seconds())
    period = int(time.time()) // seconds
    if viewer_id is not None:
        people, person, limit = keys.product_viewers(period, product_id), str(viewer_id), 0
    else:
        people = keys.product_viewers_at(period, product_id, _digest(network_of(ip)))
        person, limit = _digest(user_agent), settings.PRODUCT_VIEWS_PER_ADDRESS
    try:
        redis_client().eval(
            _COUNT_ONCE, 2, people, keys.PRODUCT_VIEWS, person, limit, seconds, str(product_id)
        )
    except RedisError as error:
        logger.warning("counting a view failed: %s", error)


def flush_views() -> int:
    """Add the buffered views to the products; return how many.

    The buffer is renamed first, so that new views are added to a new one. The batch's id is committed with
    its views: if the process dies before it deletes the batch, the next run recognises the id and only
    deletes the batch.
    """
    client = redis_client()
    if not client.exists(keys.PRODUCT_VIEWS_BATCH):
        try:
            client.rename(keys.PRODUCT_VIEWS, keys.PRODUCT_VIEWS_BATCH)
        except ResponseError:  # no such key: there were no views
            return 0
    client.hsetnx(keys.PRODUCT_VIEWS_BATCH, _BATCH, str(uuid4()))
    buffered = client.hgetall(keys.PRODUCT_VIEWS_BATCH)
    batch = buffered.pop(_BATCH, None)
    if batch is None:  # another worker has just finished it
        return 0
    added = _add_batch(UUID(batch.decode()), {pk.decode(): int(views) for pk, views in buffered.items()})
    client.eval(_DELETE_BATCH, 1, keys.PRODUCT_VIEWS_BATCH, batch)
    return added


def delete_old_batches() -> None:
    """Delete the records of batches that were added over a week ago."""
    ViewBatch.objects.filter(applied_at__lt=database_now() - _BATCHES_KEPT_FOR).delete()


def _digest(text: str) -> str:
    return salted_hmac("listings.view_counts", text).hexdigest()[:24]


@transaction.atomic
def _add_batch(batch_id: UUID, views: dict[str, int]) -> int:
    _, is_new = ViewBatch.objects.get_or_create(pk=batch_id)
    if not is_new:
        return 0
    with connection.cursor() as cursor:
        # The rows are locked by id, so that two transactions that lock many of them can't deadlock.
        cursor.execute(
            "UPDATE listings_product SET view_count = view_count + added.views"
            " FROM (SELECT p.id, batch.views FROM unnest(%s::uuid[], %s::int[]) AS batch(id, views)"
            " JOIN listings_product p ON p.id = batch.id ORDER BY p.id FOR NO KEY UPDATE OF p) AS added"
            " WHERE listings_product.id = added.id",
            [list(views), list(views.values())],
        )
    return sum(views.values())
