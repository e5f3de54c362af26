"""Pushes: a stream of a seller with 200,000 followers, and how many a sender sends to FCM."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

FOLLOWERS = int(os.environ.get("BENCH_FOLLOWERS", "200000"))
FCM_PUSHES = int(os.environ.get("BENCH_FCM_PUSHES", "20000"))
CLIENT_PUSHES = 5000  # of each client in each of ROUNDS rounds, in turn
ROUNDS = 3
# What FCM takes to answer, about: with 400 requests open at a time it bounds what one sender can do.
FCM_ANSWERS_AFTER = 0.5
LIMIT_MS, LIMIT_SECONDS, LIMIT_RATE = 300, 60, 500
WITHIN = 300.0  # seconds until a part is given up
_ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "soukloop.settings",
    "DEBUG": "false",
    "SANDBOX_PAYMENTS_ALLOWED": "true",
    "ALLOWED_HOSTS": "127.0.0.1",
    "LOG_LEVEL": "WARNING",
}
# Copies of the first person's row, which is much faster than creating people one by one.
_COPY_PEOPLE = """
INSERT INTO accounts_user ({columns}) SELECT {columns_of_person}
FROM accounts_user first, generate_series(1, %(count)s) AS number,
  LATERAL jsonb_populate_record(first, jsonb_build_object('id', gen_random_uuid(),
    'username', 'crowd' || number, 'email', 'crowd' || number || '@example.com',
    'language', CASE WHEN number %% 2 = 0 THEN 'ar' ELSE 'en' END)) AS person
WHERE first.id = %(first)s
"""
_FOLLOW = """
INSERT INTO accounts_follow (follower_id, followed_id, created_at)
SELECT id, %(seller)s, now() FROM accounts_user WHERE username LIKE 'crowd%%'
"""
_GIVE_PHONES = """
INSERT INTO notifications_device (id, user_id, platform, token, token_digest, p256dh, auth, app_version,
  locale, created_at, last_used_at)
SELECT gen_random_uuid(), id, 'fcm', repeat('t', 140) || username, encode(sha256(username::bytea), 'hex'),
  '', '', '', '', now(), now()
FROM accounts_user WHERE username LIKE 'crowd%'
"""
_PUSHES = "SELECT status, count(*) FROM notifications_push GROUP BY status"
_QUEUE_FOR_FCM = """
UPDATE notifications_push SET status = 'pending', finished_at = NULL, not_before = now(),
  expires_at = now() + interval '1 hour'
WHERE id IN (SELECT id FROM notifications_push ORDER BY id LIMIT %(count)s)
"""


def main() -> None:
    from bench.database import bench_database  # noqa: PLC0415 - Django must be set up first

    with bench_database() as database_url:
        seller = _audience()
        _fan_out(seller, database_url)
        rates = [_to_fcm(senders, database_url) for senders in (1, 2)]
        _compare_clients(database_url)
    print(
        f"to FCM over HTTP/2 on loopback, which answers in {FCM_ANSWERS_AFTER * 1000:.0f} ms:"
        f" {rates[0]:,.0f} pushes a second by one sender (to reach: {LIMIT_RATE}), {rates[1]:,.0f} by two",
        flush=True,
    )


def _audience() -> Any:
    """Make a seller whom many people with phones follow."""
    from django.db import connection  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from accounts.tests.factories import make_seller, make_user  # noqa: PLC0415

    seller, first = make_seller(), make_user()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        names = [field.column for field in User._meta.concrete_fields if not field.generated]
        copy_people = _COPY_PEOPLE.format(
            columns=", ".join(names), columns_of_person=", ".join(f"person.{name}" for name in names)
        )
        for what, statement, params in (
            ("people", copy_people, {"count": FOLLOWERS, "first": first.pk}),
            ("follows", _FOLLOW, {"seller": seller.pk}),
            ("phones", _GIVE_PHONES, None),
            ("statistics", "VACUUM (ANALYZE) accounts_user, accounts_follow, notifications_device", None),
        ):
            started = time.monotonic()
            cursor.execute(statement, params)
            print(f"  {what}: {FOLLOWERS:,}, {time.monotonic() - started:.0f} s", flush=True)
    return seller


def _fan_out(seller: Any, database_url: str) -> None:
    """Go live with a worker and a sender running, whose channel records."""
    from accounts.tokens import access_token_for  # noqa: PLC0415
    from livestream.tests.factories import make_stream  # noqa: PLC0415
    from soukloop.realtime.testing.servers import ServerProcess  # noqa: PLC0415

    stream = make_stream(seller=seller)
    web = ServerProcess("uvicorn", database_url, _ENVIRONMENT)
    with ExitStack() as running:
        running.callback(web.terminate)
        web.wait_until_ready()
        running.enter_context(_process("worker", database_url, "run_worker", "--concurrency", "4"))
        recording = {"DJANGO_SETTINGS_MODULE": "bench.push.settings"}
        running.enter_context(_process("pusher", database_url, "run_push_sender", **recording))
        time.sleep(5)  # until they are ready
        started = time.perf_counter()
        live = _post(f"{web.url}/api/v1/streams/{stream.pk}/go-live", access_token_for(seller))
        answered = time.perf_counter()
        seconds = _wait_for(live["notificationsSent"])
    print(
        f"go live before {live['notificationsSent']:,} people: answered in"
        f" {(answered - started) * 1000:.0f} ms (to reach: {LIMIT_MS} ms), all pushes dispatched"
        f" {seconds:.1f} s later (to reach: {LIMIT_SECONDS} s)",
        flush=True,
    )


def _wait_for(count: int) -> float:
    """Wait until this many pushes are sent, and return how long it took."""
    started, shown = time.monotonic(), 0.0
    while True:
        statuses = _statuses()
        passed = time.monotonic() - started
        if statuses.get("sent", 0) >= count:
            return passed
        if passed > WITHIN:
            raise RuntimeError(f"After {passed:.0f} s: {statuses}")
        if passed - shown >= 5:
            shown = passed
            print(
                f"  {passed:3.0f} s: {statuses.get('sent', 0):,} of {sum(statuses.values()):,} sent",
                flush=True,
            )
        time.sleep(0.25)


def _to_fcm(senders: int, database_url: str) -> float:
    """Send pushes by this many processes to an FCM of our own, and return how many a second."""
    from django.db import connection  # noqa: PLC0415

    with ExitStack() as running, tempfile.TemporaryDirectory() as directory:
        fcm = running.enter_context(_fake_fcm(Path(directory)))
        for _ in range(senders):
            running.enter_context(_process("pusher", database_url, "run_push_sender", **fcm))
        time.sleep(4)  # until they are ready
        with connection.cursor() as cursor:
            cursor.execute("UPDATE notifications_push SET status = 'expired'")
            cursor.execute("VACUUM ANALYZE notifications_push")
            cursor.execute(_QUEUE_FOR_FCM, {"count": FCM_PUSHES})
        seconds = _wait_for(FCM_PUSHES)
    rate = FCM_PUSHES / seconds
    print(f"  {senders} sender{'s' if senders > 1 else ''}: {rate:,.0f} a second", flush=True)
    return rate


def _compare_clients(database_url: str) -> None:
    """Print how fast our HTTP/2 client and httpx's send the same to a stand-in that answers at once."""
    results: dict[str, list[dict[str, float]]] = {"ours": [], "httpx": []}
    with tempfile.TemporaryDirectory() as directory, _fake_fcm(Path(directory), answers_after=0.02) as fcm:
        for _ in range(ROUNDS):
            for name, found in results.items():
                command = [sys.executable, "-m", "bench.push.clients", name, str(CLIENT_PUSHES)]
                env = {**os.environ, **_ENVIRONMENT, "DATABASE_URL": database_url, **fcm}
                printed = subprocess.run(command, env=env, check=True, capture_output=True, timeout=WITHIN)
                found.append(json.loads(printed.stdout.splitlines()[-1]))
                print(f"  {name}: {found[-1]['rate']:,.0f} a second", flush=True)
    ours, peer = (sorted(found, key=lambda each: each["rate"])[ROUNDS // 2] for found in results.values())
    print(
        f"the client alone, in turn, the middle of {ROUNDS}: ours {ours['rate']:,.0f} a second,"
        f" {ours['cpu_ms']:.2f} ms of a processor each; httpx {peer['rate']:,.0f}, {peer['cpu_ms']:.2f} ms;"
        f" × {ours['rate'] / peer['rate']:.1f}",
        flush=True,
    )


def _statuses() -> dict[str, int]:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(_PUSHES)
        return dict(cursor.fetchall())


@contextmanager
def _fake_fcm(directory: Path, *, answers_after: float = FCM_ANSWERS_AFTER) -> Iterator[dict[str, str]]:
    """Run FCM's stand-in in a process of its own, and yield what senders must know of it."""
    ready = directory / "ready.json"
    command = [sys.executable, "-m", "bench.push.fcm", str(directory), str(answers_after)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        _wait(lambda: ready.exists() or process.poll() is not None, "FCM's stand-in does not start")
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _process(name: str, database_url: str, *command: str, **environment: str) -> Iterator[None]:
    log = Path(tempfile.mkstemp(prefix=f"bench-{name}-", suffix=".log")[1])
    process = subprocess.Popen(
        [sys.executable, "manage.py", *command],
        env={
            **os.environ,
            **_ENVIRONMENT,
            "MALLOC_ARENA_MAX": "2",
            "DATABASE_URL": database_url,
            **environment,
        },
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"{name} has ended:\n{log.read_text()}")
    finally:
        process.terminate()
        process.wait(30)
        if text := log.read_text().strip():
            print("\n".join(f"  [{name}] {line}" for line in text.splitlines()[-5:]), flush=True)
        log.unlink()


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(what)
        time.sleep(0.05)


def _post(url: str, token: str) -> dict[str, Any]:
    request = urllib.request.Request(
        url,
        data=b'{"camera_ready": true, "checklist_complete": true}',
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
        return data
