"""Fast reads answer as Django does: the same statuses, bodies and headers, on real ASGI scopes."""

import asyncio
import json
import logging

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.db import connection
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import RefreshFamily
from accounts.services.deletion import delete_account
from accounts.services.logins import log_out_everywhere, open_login
from accounts.services.moderation import ban_user
from accounts.tests.factories import PASSWORD, block, make_user
from accounts.tokens import access_token_for
from listings.tests.factories import make_product
from soukloop.core.errors import Unavailable
from soukloop.core.fast_reads import limiter
from soukloop.core.fast_reads.application import FastReads, _is_allowed_host, _security_headers
from soukloop.core.fast_reads.routes import collect_routes
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db(transaction=True)

RUNNER = asyncio.Runner()  # one event loop: connections belong to theirs
DISCOVER = "/api/v1/feeds/discover"


class Refusing:
    """Stands for Django where a request must not get that far."""

    async def __call__(self, scope, receive, send):
        raise AssertionError(f"{scope['path']} went to Django")


class Recording:
    def __init__(self):
        self.paths = []

    async def __call__(self, scope, receive, send):
        self.paths.append(scope["path"])


@pytest.fixture
def fast_reads():
    _is_allowed_host.cache_clear()
    _security_headers.cache_clear()
    made = []

    def make(app=None):
        made.append(FastReads(app or Refusing(), collect_routes()))
        return made[-1]

    yield make
    for routes in made:
        RUNNER.run(routes.close())
    _is_allowed_host.cache_clear()
    _security_headers.cache_clear()


def ask(app, path=DISCOVER, query="", headers=(), method="GET", scheme="http"):
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 5),
        "server": ("localhost", 80),
        "scheme": scheme,
        "root_path": "",
    }
    sent: list[dict] = []
    asked: list[int] = []

    async def receive():
        if asked:
            await asyncio.sleep(60)  # the client stays connected; the handler cancels this
        asked.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    RUNNER.run(app(scope, receive, send))
    if not sent:
        return None
    names = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    names.pop("x-request-id")
    names.pop("content-length", None)
    if names.pop("ratelimit-remaining", None):  # the one request was counted before the other
        assert 0 < int(names.pop("ratelimit-reset")) <= 60
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]), names


def bearer(user):
    return (b"authorization", f"Bearer {access_token_for(user)}".encode())


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (DISCOVER, ""),
        (DISCOVER, "sort=price_low&per_page=1"),
        (DISCOVER, "sort=odd&page=-1"),
        (DISCOVER, "cursor=nonsense"),
        ("/api/v1/feeds/community", "latitude=25.0772&longitude=55.1369"),
        ("/api/v1/feeds/community", ""),
        ("/api/v1/search", "q=nike+jordan"),
        ("/api/v1/search", "q=%ff%fe"),
        ("/api/v1/search", "q=nikee"),
        ("/api/v1/search", "q=zapatillas&category=electronics"),
        ("/api/v1/search", "q=%22nike+jordan%22+-used+or+phone&sort=price_low&min_price=1&max_price=99999.5"),
        ("/api/v1/search", "q=nike&latitude=25.0772&longitude=55.1369&radius_km=100&sort=nearest"),
        ("/api/v1/search", "latitude=25&longitude=55.1369&radius_km=7.5&condition=good&feed_type=community"),
        ("/api/v1/search", "sort=recent"),
        ("/api/v1/search/suggest", "q=ni"),
        ("/api/v1/search/suggest", "q=jordan+nik"),
        ("/api/v1/search/suggest", "q=nikee"),
        ("/api/v1/search/suggest", "q=sneak"),
        ("/api/v1/search/suggest", "q=%25+%5C_%27"),
        ("/api/v1/search/suggest", ""),
        ("/api/v1/search/suggest", "q=" + "x" * 500),
        ("/api/v1/feeds/community", "latitude=25&longitude=55&radius_km=100&sort=recent&category=fashion"),
        ("/api/v1/feeds/community", "latitude=25.0772&longitude=55.1369&page=3&per_page=1"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_answers_are_the_same_as_djangos(fast_reads, path, query, scheme):
    make_product(feed_type="discover")
    make_product(feed_type="discover")
    make_product()
    assert ask(fast_reads(), path, query, scheme=scheme) == ask(ASGIHandler(), path, query, scheme=scheme)


def test_a_feed_read_records_the_first_use_of_a_logins_tokens(fast_reads):
    login = open_login(make_user())
    token = (b"authorization", f"Bearer {login.access_token}".encode())
    for _ in range(2):
        assert ask(fast_reads(), headers=[token])[0] == 200
    assert RefreshFamily.objects.get().is_current_used


@pytest.mark.parametrize("query", ["per_page=1", "per_page=1&sort=nearest", "per_page=1&sort=price_high"])
def test_next_pages_are_the_same_as_djangos(fast_reads, query):
    for _ in range(3):
        make_product(tags=["nike"], title="Nike shoes")
    path, place = "/api/v1/search", "latitude=25.0772&longitude=55.1369&radius_km=100"
    routes, django, cursor = fast_reads(), ASGIHandler(), ""
    for _ in range(3):
        asked = f"q=nike&{place}&{query}{cursor}"
        mine = ask(routes, path, asked)
        assert mine == ask(django, path, asked)
        cursor = f"&cursor={json.loads(mine[1])['data']['next_cursor']}"
    assert cursor == "&cursor=None"


def test_blocks_favorites_and_invalid_tokens_are_respected(fast_reads):
    product, viewer = make_product(feed_type="discover"), make_user()
    routes = fast_reads()
    assert ask(routes, headers=[bearer(viewer)]) == ask(ASGIHandler(), headers=[bearer(viewer)])
    block(product.seller, viewer)
    assert b'"items":[]' in ask(routes, headers=[bearer(viewer)])[1]
    bad = (b"authorization", b"Bearer nonsense")
    assert ask(routes, headers=[bad])[0] == 401
    assert ask(routes, headers=[bad]) == ask(ASGIHandler(), headers=[bad])


def ban(user):
    ban_user(actor=make_user(is_staff=True, is_superuser=True), user_id=user.pk, reason="spam")


def delete_user(user):
    delete_account(actor=user, password=PASSWORD)


def log_out(user):
    log_out_everywhere(actor=user)


@pytest.mark.parametrize("change", [ban, delete_user, log_out])
def test_a_token_that_was_revoked_gets_the_same_401(fast_reads, change):
    user = make_user()
    header = bearer(user)
    change(user)
    status, body, headers = ask(fast_reads(), headers=[header])
    assert status == 401
    assert (status, body, headers) == ask(ASGIHandler(), headers=[header])


def test_a_block_hides_products_whoever_made_it(fast_reads):
    seller, viewer = make_user(), make_user()
    make_product(seller=seller, feed_type="discover")
    routes = fast_reads()
    assert b'"total":1' in ask(routes, headers=[bearer(viewer)])[1]
    block(viewer, seller)
    assert b'"total":0' in ask(routes, headers=[bearer(viewer)])[1]
    assert b'"total":0' in ask(ASGIHandler(), headers=[bearer(viewer)])[1]


def test_requests_count_towards_the_same_limits_as_djangos(fast_reads, settings):
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"search": (2, 60)}
    settings.RATE_LIMITS_BY_ADDRESS = {}
    routes = fast_reads()
    assert ask(routes, "/api/v1/search")[0] == 200
    assert ask(ASGIHandler(), "/api/v1/search")[0] == 200
    status, body, headers = ask(routes, "/api/v1/search")
    assert status == 429
    assert 1 <= int(headers["retry-after"]) <= 60
    assert b'"rate_limited"' in body


def test_a_refusal_is_repeated_from_memory_until_the_wait_is_over(fast_reads, settings, monkeypatch):
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": (1, 60)}
    settings.RATE_LIMITS_BY_ADDRESS = {}
    routes = fast_reads()
    assert [ask(routes)[0] for _ in range(2)] == [200, 429]
    redis_client().flushdb()
    fetch = routes._fetch

    async def never(statement):
        raise AssertionError("a refused request reached PostgreSQL")

    monkeypatch.setattr(routes, "_fetch", never)
    status, _, headers = ask(routes)
    assert status == 429
    assert 50 <= int(headers["retry-after"]) <= 60
    assert redis_client().dbsize() == 0
    monkeypatch.setattr(routes, "_fetch", fetch)
    [use] = routes.limiter._refused_until
    until, limit = routes.limiter._refused_until[use]
    routes.limiter._refused_until[use] = until - 60, limit  # their wait is over
    assert ask(routes)[0] == 200


def test_429_comes_before_400(fast_reads, settings):
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": (1, 60)}
    settings.RATE_LIMITS_BY_ADDRESS = {}
    routes = fast_reads()
    assert [ask(routes, query="page=no")[0] for _ in range(2)] == [400, 429]


@pytest.mark.parametrize(
    "odd",
    [
        {"method": "HEAD"},
        {"method": "POST"},
        {"path": f"{DISCOVER}/"},
        {"query": "q=%00"},
        {"query": "q=" + "x" * 5000},
        {"headers": [(b"authorization", b"Bearer x"), (b"authorization", b"Bearer y")]},
    ],
)
def test_a_request_that_is_not_plain_goes_to_django(fast_reads, odd):
    django = Recording()
    assert ask(fast_reads(django), **odd) is None
    assert len(django.paths) == 1


def test_other_hosts_and_http_where_https_is_required_go_to_django(fast_reads, settings):
    django = Recording()
    settings.ALLOWED_HOSTS = ["souk.example"]
    _is_allowed_host.cache_clear()
    ask(fast_reads(django))
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.SECURE_SSL_REDIRECT = True
    _is_allowed_host.cache_clear()
    ask(fast_reads(django))
    assert len(django.paths) == 2
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert ask(fast_reads(), headers=[(b"x-forwarded-proto", b"https")])[0] == 200


def test_a_lost_connection_is_replaced(fast_reads):
    routes = fast_reads()
    assert ask(routes)[0] == 200

    [link] = routes.pool._idle[True]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [link.connection.info.backend_pid])
    assert ask(routes)[0] == 200
    assert routes.pool._idle[True] != [link]


def test_an_unavailable_postgresql_is_a_503_in_the_envelope(fast_reads, monkeypatch):
    routes = fast_reads()

    async def fail(statement):
        raise Unavailable

    monkeypatch.setattr(routes, "_fetch", fail)
    status, body, headers = ask(routes)
    assert (status, headers["retry-after"]) == (503, "2")
    assert b'"unavailable"' in body


def test_nobody_is_refused_while_redis_is_unavailable(fast_reads, monkeypatch, settings):
    settings.RATE_LIMIT_EXEMPT_LOOPBACK = False

    class FailingRedis:
        async def eval(self, *args):
            raise RedisConnectionError

    monkeypatch.setattr(limiter, "async_redis_client", FailingRedis)
    assert ask(fast_reads())[0] == 200


def test_a_request_is_logged_in_one_line_without_the_query(fast_reads, caplog):
    caplog.set_level(logging.INFO, "soukloop.request")
    ask(fast_reads(), "/api/v1/search", "q=private")
    [record] = [record for record in caplog.records if record.name == "soukloop.request"]
    assert record.getMessage() == "GET /api/v1/search 200"
    assert "private" not in str(record.__dict__)
