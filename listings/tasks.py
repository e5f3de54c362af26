"""Background jobs on products: thumbnails, videos, view counts, search words, favourites."""

from datetime import datetime
from uuid import UUID

from procrastinate.contrib.django import app

from listings.models import Product
from listings.services import (
    active_limit,
    favorite_notices,
    images,
    search_words,
    video_cleanup,
    video_processing,
    view_counts,
)
from soukloop.core.jobs.retries import task

# `aliases` are the names of tasks in earlier versions, whose jobs may still be in the queue.


@task("listings.make_thumbnail")
def make_thumbnail(product_id: str) -> None:
    """Create the thumbnail of a product whose first image was uploaded."""
    product = Product.objects.filter(pk=product_id).first()
    if product is not None:
        images.make_thumbnail(product=product)


@app.periodic(cron="* * * * * */30")
@task(
    "listings.flush_views",
    aliases=["listings.write_views"],
    queueing_lock="listings.flush_views",
    lock="listings.flush_views",
)
def flush_views(timestamp: int) -> None:
    """Add the views buffered in Redis to the products."""
    view_counts.flush_views()


@app.periodic(cron="* * * * * */30")
@task("listings.put_waiting_on_sale", queueing_lock="listings.put_waiting_on_sale")
def put_waiting_on_sale(timestamp: int) -> None:
    """Put products on sale that waited because their sellers had as many active products as allowed."""
    active_limit.put_waiting_products_on_sale()


@app.periodic(cron="41 3 * * *")
@task("listings.recount_words", aliases=["listings.tidy"], queueing_lock="listings.recount_words")
def recount_words(timestamp: int) -> None:
    """Recount how many titles use each search word."""
    search_words.recount_words()


@app.periodic(cron="43 3 * * *")
@task("listings.delete_old_view_batches", queueing_lock="listings.delete_old_view_batches")
def delete_old_view_batches(timestamp: int) -> None:
    """Delete the records of view batches that were added over a week ago."""
    view_counts.delete_old_batches()


@task("listings.notify_of_sale")
def notify_of_sale(product_id: str, sold_at: str, without: list[str]) -> None:
    """Notify the people whose favourite was sold."""
    favorite_notices.notify_of_sale(
        product_id=UUID(product_id),
        sold_at=datetime.fromisoformat(sold_at),
        without=[UUID(user_id) for user_id in without],
    )


@task("listings.notify_of_price_drop")
def notify_of_price_drop(product_id: str) -> None:
    """Notify the people whose favourite costs less, unless its price was raised again."""
    favorite_notices.notify_of_price_drop(product_id=UUID(product_id))


@app.periodic(cron="45 3 * * *")
@task("listings.delete_old_favorite_notices", queueing_lock="listings.delete_old_favorite_notices")
def delete_old_favorite_notices(timestamp: int) -> None:
    """Delete earlier prices and records of notices that are over 30 days old."""
    favorite_notices.delete_old_notices()


@task("listings.process_video")
def process_video(video_id: str, owner_id: str) -> None:
    """Make what viewers watch of an uploaded video."""
    video_processing.process_video(video_id=UUID(video_id), owner_id=UUID(owner_id))


@task("listings.delete_video_files")
def delete_video_files(video_id: str, owner_id: str) -> None:
    """Delete the files of a deleted video."""
    video_processing.delete_video_files(video_id=UUID(video_id), owner_id=UUID(owner_id))


@app.periodic(cron="*/5 * * * *")
@task("listings.sweep_videos", queueing_lock="listings.sweep_videos")
def sweep_videos(timestamp: int) -> None:
    """Delete videos that nobody needs any more, and process those whose job was lost."""
    video_cleanup.delete_unneeded_videos()
    video_cleanup.resume_videos()
    video_cleanup.delete_stray_files()
