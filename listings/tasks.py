"""Background work on products."""

from datetime import timedelta

from django.utils import timezone
from procrastinate.contrib.django import app

from listings.models import Product, ViewBatch
from listings.services import images, search_words, view_counts


@app.task(name="listings.make_thumbnail")
def make_thumbnail(product_id: str) -> None:
    product = Product.objects.filter(pk=product_id).first()
    if product is not None:
        images.make_thumbnail(product=product)


@app.periodic(cron="* * * * * */30")
@app.task(name="listings.write_views", queueing_lock="listings.write_views", lock="listings.write_views")
def write_views(timestamp: int) -> None:
    view_counts.flush_views()


@app.periodic(cron="41 3 * * *")
@app.task(name="listings.tidy", queueing_lock="listings.tidy")
def tidy(timestamp: int) -> None:
    """Count the words of titles again; forget which batches of views were written long ago."""
    search_words.recount_words()
    ViewBatch.objects.filter(applied_at__lt=timezone.now() - timedelta(days=7)).delete()
