"""Fill a database with a large, believable catalogue, for benchmarks."""

import argparse
import os
import queue
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from accounts.models import User
from listings.fees import fee_and_payout
from listings.locations import offset_degrees
from listings.management.sample_listings import Home, homes, listings
from listings.models import Product
from listings.services.search_words import recount_words

Seller = tuple[uuid.UUID, Home]
Slice = tuple[int, int, datetime, datetime]

_SLICE = 25_000
_PER_SELLER = 40
_COLUMNS = (
    "id, seller_id, seller_closed, title, description, price, currency, category_id, condition, feed_type,"
    " status, location, public_location, neighborhood, image_urls, thumbnail_url, video_url,"
    " video_thumbnail_url, tags, platform_fee, seller_payout, accepts_offers, view_count, favorite_count,"
    " live_stream_id, hidden_reason, sold_at, deleted_at, created_at, updated_at"
)


class Command(BaseCommand):
    help = "Write N products of a few tens of thousands of sellers into an empty catalogue (COPY)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--products", type=int, default=1_000_000)
        parser.add_argument("--processes", type=int, default=2)
        parser.add_argument(
            "--share", type=int, help=argparse.SUPPRESS
        )  # what the command starts itself with

    def handle(
        self, *args: Any, products: int, processes: int, share: int | None = None, **options: Any
    ) -> None:
        sellers = _sellers(-(-products // _PER_SELLER))
        slices = _slices(products)
        if share is not None:
            for count in _copied(sellers, slices[share::processes]):
                self.stdout.write(str(count))
            return
        if Product.objects.exists():
            raise CommandError("There are products already: use an empty database.")
        started = time.monotonic()
        _copy_sellers(sellers)
        self._say(started, f"{len(sellers):,} sellers")
        indexes = _drop_indexes()
        done = 0
        for count in _copied(sellers, slices) if processes == 1 else _shares(products, processes):
            done += count
            self._say(started, f"{done:,} of {products:,} products")
        for name, definition in indexes:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = 0")
                cursor.execute("SET maintenance_work_mem = '512MB'")
                cursor.execute(definition)
            self._say(started, f"index {name}")
        words = recount_words()
        self._say(started, f"{words:,} words to search by")
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("VACUUM (ANALYZE) listings_product")
            cursor.execute("VACUUM (ANALYZE) accounts_user")
        self._say(started, "analysed; done")

    def _say(self, started: float, what: str) -> None:
        self.stdout.write(f"{time.monotonic() - started:6.1f} s  {what}")
        self.stdout.flush()


def _sellers(count: int) -> list[Seller]:
    chance = random.Random(971)
    found = homes(chance)
    return [(uuid.UUID(int=chance.getrandbits(128), version=4), next(found)) for _ in range(count)]


def _slices(products: int) -> list[Slice]:
    """Cut the catalogue into pieces of time, the oldest first."""
    last = timezone.now()
    first = last - timedelta(days=730)
    step = (last - first) / products
    starts = range(0, products, _SLICE)
    return [
        (number, (end := min(start + _SLICE, products)) - start, first + step * start, first + step * end)
        for number, start in enumerate(starts)
    ]


def _copied(sellers: list[Seller], slices: list[Slice]) -> Iterator[int]:
    for number, count, first, last in slices:
        _copy_slice(sellers, number, count, first, last)
        yield count


def _shares(products: int, processes: int) -> Iterator[int]:
    """Have several processes copy their share each, and yield how many rows each step of theirs added."""
    command = [sys.executable, "manage.py", "seed_catalogue", f"--products={products}"]
    started = [
        subprocess.Popen(
            [*command, f"--processes={processes}", f"--share={share}"],
            cwd=settings.BASE_DIR,
            env=os.environ | {"DATABASE_URL": _database_url()},
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in range(processes)
    ]
    with ThreadPoolExecutor(processes) as readers:
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        for process in started:
            readers.submit(_pass_on, process, lines)
        running = processes
        while running:
            line = lines.get()
            if line is None:
                running -= 1
            else:
                yield int(line)
    if any(process.wait() for process in started):
        raise CommandError("A copying process failed; see above.")


def _database_url() -> str:
    """Return the URL of the database in use, which may be another than the environment names: a test's."""
    used = connection.settings_dict
    user, password = (quote(str(used[part] or ""), safe="") for part in ("USER", "PASSWORD"))
    return f"postgis://{user}:{password}@{used['HOST'] or 'localhost'}:{used['PORT'] or 5432}/{used['NAME']}"


def _pass_on(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def _copy_sellers(sellers: list[Seller]) -> None:
    password, now = make_password(None), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_user")
        taken = cursor.fetchone()[0]
        with cursor.copy(
            "COPY accounts_user (id, email, username, full_name, role, bio, avatar, neighborhood, is_active,"
            " is_staff, is_superuser, is_verified, has_verified_badge, ban_reason, token_version, password,"
            " created_at, updated_at) FROM STDIN"
        ) as copy:
            for number, (pk, home) in enumerate(sellers, start=taken + 1):
                name = f"seller{number}"
                copy.write_row((
                    pk, f"{name}@catalogue.example", name, f"Seller {number}", User.Role.SELLER, "", "",
                    home.neighborhood, True, False, False, number % 3 > 0, number % 20 == 0, "", 0, password,
                    now, now,
                ))  # fmt: skip


def _drop_indexes() -> list[tuple[str, str]]:
    """Drop what is quicker to build once than a row at a time; returns how to build each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'listings_product'"
            " AND schemaname = current_schema() AND indexname LIKE 'product\\_%'"
        )
        found: list[tuple[str, str]] = cursor.fetchall()
        for name, _ in found:
            cursor.execute(f'DROP INDEX "{name}"')
    return found


def _copy_slice(sellers: list[Seller], number: int, count: int, first: datetime, last: datetime) -> None:
    chance = random.Random(number)
    places = [home for _, home in sellers]
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET synchronous_commit = off")
        with cursor.copy(f"COPY listings_product ({_COLUMNS}) FROM STDIN") as copy:
            for seller, item in listings(chance, places, count=count, first=first, last=last):
                pk = uuid.UUID(int=chance.getrandbits(128), version=4)
                seller_id = sellers[seller][0]
                east, north = offset_degrees(item.longitude, item.latitude, seller_id=seller_id)
                fee, payout = fee_and_payout(item.price, item.feed_type)
                image = f"https://images.example.com/{item.category}/{pk}.jpg"
                has_video = item.feed_type == Product.FeedType.DISCOVER
                status = chance.choices(("active", "sold", "hidden", "deleted"), (88, 8, 1, 3))[0]
                views = int(chance.paretovariate(0.9))
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
