"""Going live: the response time with very many people to notify."""

import json
import os
import statistics
import time
import urllib.request
from typing import Any

from bench.streams import ENVIRONMENT

FOLLOWERS = int(os.environ.get("BENCH_FOLLOWERS", "150000"))
NEIGHBOURS = int(os.environ.get("BENCH_NEIGHBOURS", "100000"))
TIMES = 5
LIMIT_MS = 300
# Copies of the first person's row, which is much faster than creating people one by one.
_COPY_PEOPLE = """
INSERT INTO accounts_user ({columns}) SELECT {columns_of_person}
FROM accounts_user first, generate_series(1, %(count)s) AS number,
  LATERAL jsonb_populate_record(first, jsonb_build_object('id', gen_random_uuid(),
    'username', 'crowd' || number, 'email', 'crowd' || number || '@example.com')) AS person
WHERE first.id = %(first)s
"""
_FOLLOW = """
INSERT INTO accounts_follow (follower_id, followed_id, created_at)
SELECT id, %(seller)s, now() FROM accounts_user WHERE username LIKE 'crowd%%'
ORDER BY username LIMIT %(count)s
"""
_MOVE_OUT_OF_RANGE = """
UPDATE accounts_user SET location = NULL WHERE id IN
  (SELECT id FROM accounts_user WHERE username LIKE 'crowd%%' ORDER BY username LIMIT %(count)s)
"""


def main() -> None:
    from bench.database import bench_database  # noqa: PLC0415 - Django must be set up first

    with bench_database() as database_url:
        _large_audience(database_url)


def _large_audience(database_url: str) -> None:
    """Go live for followers and neighbours, some of whom are both, and time the whole response."""
    from django.contrib.gis.geos import Point  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from accounts.tests.factories import make_seller, make_user  # noqa: PLC0415
    from accounts.tokens import access_token_for  # noqa: PLC0415
    from livestream.tests.factories import make_stream  # noqa: PLC0415
    from soukloop.realtime.testing.servers import ServerProcess  # noqa: PLC0415

    home = Point(55.1403, 25.0805, srid=4326)
    # One seller for each time, because a seller's followers are notified once in a while only.
    sellers, first = [make_seller(location=home) for _ in range(TIMES)], make_user(location=home)
    both = min(FOLLOWERS, NEIGHBOURS) // 2
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        names = [field.column for field in User._meta.concrete_fields if not field.generated]
        copy_people = _COPY_PEOPLE.format(
            columns=", ".join(names), columns_of_person=", ".join(f"person.{name}" for name in names)
        )
        cursor.execute(copy_people, {"count": FOLLOWERS + NEIGHBOURS - both, "first": first.pk})
        for seller in sellers:
            cursor.execute(_FOLLOW, {"count": FOLLOWERS, "seller": seller.pk})
        cursor.execute(_MOVE_OUT_OF_RANGE, {"count": FOLLOWERS - both})
        cursor.execute("VACUUM (ANALYZE) accounts_user, accounts_follow")
    web = ServerProcess("uvicorn", database_url, ENVIRONMENT)
    waits = []
    try:
        web.wait_until_ready()
        for seller in sellers:
            stream = make_stream(seller=seller, notify_neighborhood=True)
            started = time.perf_counter()
            live = _post(f"{web.url}/api/v1/streams/{stream.pk}/go-live", access_token_for(seller))
            waits.append((time.perf_counter() - started) * 1000)
            _post(f"{web.url}/api/v1/streams/{stream.pk}/end", access_token_for(seller))
    finally:
        web.terminate()
    print(
        f"go live before {live['notificationsSent']:,} people: answered in {statistics.median(waits):.0f} ms,"
        f" the middle of {TIMES}, at most {max(waits):.0f} (to reach: {LIMIT_MS} ms)",
        flush=True,
    )


def _post(url: str, token: str) -> dict[str, Any]:
    request = urllib.request.Request(
        url,
        data=b'{"camera_ready": true, "checklist_complete": true}',
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
        return data
