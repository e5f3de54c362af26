"""The catalogue of products, kept from one run to the next."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def catalogue(size: int) -> Iterator[str]:
    """Use the catalogue of this size, kept since an earlier run or seeded now, and yield its URL."""
    from django.core.management import call_command  # noqa: PLC0415

    from bench.database import kept_database  # noqa: PLC0415 - sets Django up
    from listings.models import Product  # noqa: PLC0415

    with kept_database(f"bench_catalogue_{size}", lambda: Product.objects.count() == size) as (url, is_new):
        if is_new:
            call_command("seed_catalogue", products=size, stdout=sys.stderr)
        yield url
