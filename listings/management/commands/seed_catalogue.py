"""Fill a database with a large catalogue, for benchmarks."""

import argparse
import os
import random
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from multiprocessing import get_context
from typing import Any, NamedTuple
from urllib.parse import quote

import django
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from accounts.models import User
from listings.fees import fee_and_payout
from listings.locations import offset_degrees
from listings.management.sample_listings import Home, random_homes, random_listings
from listings.models import Product
from listings.services.search_words import recount_words

Seller = tuple[uuid.UUID, Home]


class Slice(NamedTuple):
    """A part of a catalogue of `products`: the range of their numbers, and of the times they were listed."""

    products: int
    start: int
    end: int
    first: datetime
    last: datetime


_SLICE_SIZE = 25_000
_PRODUCTS_PER_SELLER = 40
_COLUMNS = (
    "id, seller_id, seller_closed, title, description, price, currency, category_id, condition, feed_type,"
    " status, location, public_location, neighborhood, image_urls, thumbnail_url, video_url,"
    " video_thumbnail_url, tags, platform_fee, seller_payout, accepts_offers, view_count, favorite_count,"
    " live_stream_id, hidden_reason, sold_at, deleted_at, created_at, updated_at"
)


class Command(BaseCommand):
    help = "Fill an empty database with random products of thousands of sellers, for benchmarks."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--products", type=int, default=1_000_000)
        parser.add_argument("--processes", type=int, default=2)

    def handle(self, *args: Any, products: int, processes: int, **options: Any) -> None:
        if Product.objects.exists():
            raise CommandError("The database already contains products. Use an empty one.")
        self.started = time.monotonic()
        sellers = _sellers(products)
        _copy_sellers(sellers)
        self._report(f"{len(sellers):,} sellers")
        indexes = _drop_indexes()
        done = 0
        for count in _copy_products(_slices(products), processes):
            done += count
            self._report(f"{done:,} of {products:,} products")
        for name, definition in indexes:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = 0")
                cursor.execute("SET maintenance_work_mem = '512MB'")
                cursor.execute(definition)
            self._report(f"index {name}")
        words = recount_words()
        self._report(f"{words:,} search words")
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("VACUUM (ANALYZE) listings_product")
            cursor.execute("VACUUM (ANALYZE) accounts_user")
        self._report("vacuumed and analysed")

    def _report(self, step: str) -> None:
        self.stdout.write(f"{time.monotonic() - self.started:6.1f} s  {step}")
        self.stdout.flush()


@cache
def _sellers(products: int) -> list[Seller]:
    """Return the sellers of a catalogue of this size, which are the same in every process."""
    rng = random.Random(971)
    homes = random_homes(rng)
    count = -(-products // _PRODUCTS_PER_SELLER)
    return [(uuid.UUID(int=rng.getrandbits(128), version=4), next(homes)) for _ in range(count)]


def _slices(products: int) -> list[Slice]:
    """Divide the catalogue into slices by time, oldest first."""
    last = timezone.now()
    first = last - timedelta(days=730)
    step = (last - first) / products
    return [
        Slice(
            products,
            start,
            end := min(start + _SLICE_SIZE, products),
            first + step * start,
            first + step * end,
        )
        for start in range(0, products, _SLICE_SIZE)
    ]


def _copy_products(slices: list[Slice], processes: int) -> Iterator[int]:
    """Copy the slices to the database in this number of processes, and yield the size of each one copied."""
    if processes == 1:
        yield from map(_copy_slice, slices)
        return
    with (
        _environment(DATABASE_URL=_database_url()),
        ProcessPoolExecutor(processes, get_context("spawn"), initializer=django.setup) as pool,
    ):
        for copied in as_completed([pool.submit(_copy_slice, part) for part in slices]):
            yield copied.result()


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables for the processes started inside the context."""
    before = os.environ.copy()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _database_url() -> str:
    """Return the URL of the database in use, which in tests and benchmarks isn't the environment's."""
    used = connection.settings_dict
    user, password = (quote(str(used[part] or ""), safe="") for part in ("USER", "PASSWORD"))
    return f"postgis://{user}:{password}@{used['HOST'] or 'localhost'}:{used['PORT'] or 5432}/{used['NAME']}"


def _copy_sellers(sellers: list[Seller]) -> None:
    password, now = make_password(None), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_user")
        taken = cursor.fetchone()[0]
        with cursor.copy(
            "COPY accounts_user (id, email, username, full_name, role, bio, avatar, neighborhood, is_active,"
            " is_staff, is_superuser, email_confirmed_at, email_has_proven_owner, phone_has_proven_owner,"
            " has_verified_badge, ban_reason, token_version, password, created_at, updated_at) FROM STDIN"
        ) as copy:
            for number, (pk, home) in enumerate(sellers, start=taken + 1):
                name = f"seller{number}"
                copy.write_row((
                    pk, f"{name}@catalogue.example", name, f"Seller {number}", User.Role.SELLER, "", "",
                    home.neighborhood, True, False, False, now if number % 3 else None, False, False,
                    number % 20 == 0, "", 0, password, now, now,
                ))  # fmt: skip


def _drop_indexes() -> list[tuple[str, str]]:
    """Drop the indexes, which are faster to build at the end; return their names and definitions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'listings_product'"
            " AND schemaname = current_schema() AND indexname LIKE 'product\\_%'"
        )
        found: list[tuple[str, str]] = cursor.fetchall()
        for name, _ in found:
            cursor.execute(f'DROP INDEX "{name}"')
    return found


def _copy_slice(part: Slice) -> int:
    """Copy one slice of the catalogue to the database; return its size."""
    rng = random.Random(part.start // _SLICE_SIZE)
    sellers = _sellers(part.products)
    homes = [home for _, home in sellers]
    count = part.end - part.start
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET synchronous_commit = off")
        with cursor.copy(f"COPY listings_product ({_COLUMNS}) FROM STDIN") as copy:
            for seller, item in random_listings(rng, homes, count=count, first=part.first, last=part.last):
                pk = uuid.UUID(int=rng.getrandbits(128), version=4)
                seller_id = sellers[seller][0]
                east, north = offset_degrees(item.longitude, item.latitude, seller_id=seller_id)
                fee, payout = fee_and_payout(item.price, item.feed_type)
                image = f"https://images.example.com/{item.category}/{pk}.jpg"
                has_video = item.feed_type == Product.FeedType.DISCOVER
                status = rng.choices(("active", "sold", "hidden", "deleted"), (88, 8, 1, 3))[0]
                views = int(rng.paretovariate(0.9))
                copy.write_row((
                    pk, seller_id, False, item.title, item.description, item.price, settings.CURRENCY,
                    item.category, item.condition, item.feed_type, status,
                    f"SRID=4326;POINT({item.longitude} {item.latitude})",
                    f"SRID=4326;POINT({item.longitude + east:.6f} {item.latitude + north:.6f})",
                    item.neighborhood, [image], f"{image}?thumbnail",
                    f"https://video.example.com/{pk}/index.m3u8" if has_video else "",
                    f"https://video.example.com/{pk}/thumb.jpg" if has_video else "",
                    list(item.tags), fee, payout, True, min(views, 500_000), min(views // 12, 40_000),
                    uuid.UUID(int=seller) if has_video and status == "active" and seller < 20 else None,
                    "Breaks the rules." if status == "hidden" else "",
                    item.created_at if status == "sold" else None,
                    item.created_at if status == "deleted" else None,
                    item.created_at, item.created_at,
                ))  # fmt: skip
    return count
