"""Background jobs on products: thumbnails, view counts, search words."""

from datetime import timedelta

from django.utils import timezone
from procrastinate.contrib.django import app

from listings.models import Product, ViewBatch
from listings.services import images, search_words, view_counts


@app.task(name="listings.make_thumbnail")
def make_thumbnail(product_id: str) -> None:
    """Make the thumbnail of a product whose first image was uploaded here."""
    product = Product.objects.filter(pk=product_id).first()
    if product is not None:
        images.make_thumbnail(product=product)


@app.periodic(cron="* * * * * */30")
@app.task(name="listings.write_views", queueing_lock="listings.write_views", lock="listings.write_views")
def write_views(timestamp: int) -> None:
    """Add the views buffered in Redis to the products."""
    view_counts.flush_views()


@app.periodic(cron="41 3 * * *")
@app.task(name="listings.tidy", queueing_lock="listings.tidy")
def tidy(timestamp: int) -> None:
    """Recount the search words; delete the records of view batches applied over a week ago."""
    search_words.recount_words()
    ViewBatch.objects.filter(applied_at__lt=timezone.now() - timedelta(days=7)).delete()
