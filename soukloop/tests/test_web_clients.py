"""CORS, compression, ETags, `Cache-Control` and the headers of rate limits, on a real server."""

import gzip
import http.client
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from accounts.tests.factories import PASSWORD, make_seller, make_user
from accounts.tokens import access_token_for
from listings.tests.factories import make_product
from livestream.tests.factories import make_live_stream
from soukloop.realtime.testing.servers import ServerProcess
from soukloop.tests.browser import Browser
from soukloop.tests.descriptions import DescriptionMismatch, check_answer

CHROMIUM = shutil.which("chromium")
TRUSTED, STRANGE = "http://shop.example:4000", "http://evil.example:4000"
DISCOVER, ME, LIVE = "/api/v1/feeds/discover", "/api/v1/auth/me", "/api/v1/streams/live"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(live_server_process: Any) -> ServerProcess:
    environment = {"TRUSTED_ORIGINS": TRUSTED, "RATE_LIMIT_EXEMPT_LOOPBACK": "false"}
    [started] = live_server_process(environment=environment)
    return started


def ask(
    server: ServerProcess, path: str, *, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (by lower-case name) and body; `if_none_match` is the header If-None-Match."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named["Content-Type"] = "application/json"
    connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=named)
    answer = connection.getresponse()
    content = answer.read()
    found = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return answer.status, found, content


def varies_by(headers: dict[str, str]) -> set[str]:
    return {name.strip().lower() for name in headers["vary"].split(",")}


# ---- CORS


@pytest.mark.parametrize("path", [DISCOVER, ME, "/api/v1/nope", "/openapi.json", "/asyncapi.json"])
def test_trusted_origins_alone_are_allowed_to_read_any_answer(server: ServerProcess, path: str) -> None:
    _, headers, _ = ask(server, path, origin=TRUSTED)
    assert headers["access-control-allow-origin"] == TRUSTED
    assert {"ETag", "Retry-After", "RateLimit-Remaining"} <= set(
        headers["access-control-expose-headers"].split(", ")
    )
    assert "access-control-allow-credentials" not in headers
    for other in ({"origin": STRANGE}, {"origin": "null"}, {"origin": f"{TRUSTED}.evil.example"}, {}):
        _, headers, _ = ask(server, path, **other)
        assert "access-control-allow-origin" not in headers
        assert "origin" in varies_by(headers)


def test_a_body_that_is_refused_before_any_view_is_readable_for_pages_too(server: ServerProcess) -> None:
    body = {"title": "x" * 2_000_000}
    status, headers, _ = ask(server, "/api/v1/products", method="POST", body=body, origin=TRUSTED)
    assert (status, headers["access-control-allow-origin"]) == (413, TRUSTED)


@pytest.mark.parametrize("path", [DISCOVER, "/api/v1/offers"])
def test_preflight_requests_of_trusted_origins_are_answered(server: ServerProcess, path: str) -> None:
    asked = {"access_control_request_method": "PATCH", "access_control_request_headers": "authorization"}
    status, headers, body = ask(server, path, method="OPTIONS", origin=TRUSTED, **asked)
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == TRUSTED
    assert "PATCH" in headers["access-control-allow-methods"]
    assert {"Authorization", "Idempotency-Key"} <= set(headers["access-control-allow-headers"].split(", "))
    _, headers, _ = ask(server, path, method="OPTIONS", origin=STRANGE, **asked)
    assert "access-control-allow-origin" not in headers


@contextmanager
def page() -> Iterator[int]:
    """Serve an empty page on a port of its own, for all host names."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served.server_port
        served.shutdown()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_a_page_of_a_trusted_site_uses_the_api_in_chromium(live_server_process: Any) -> None:
    seller, product = make_seller(), make_product()
    with page() as port:
        [server] = live_server_process(
            fresh=True, environment={"TRUSTED_ORIGINS": f"http://shop.example:{port}"}
        )
        # A fast read, a view, a change that needs a preflight request, and an error; then a stranger's page.
        script = f"""
          const api = "{server.url}/api/v1";
          const headers = {{
            Authorization: "Bearer {access_token_for(seller)}", "Content-Type": "application/json",
          }};
          const feed = await fetch(`${{api}}/feeds/discover`, {{headers}});
          const again = await fetch(`${{api}}/feeds/discover`, {{headers}});
          const liked = await fetch(`${{api}}/products/{product.pk}/favorite`, {{method: "POST", headers}});
          const wrong = await fetch(`${{api}}/offers`, {{method: "POST", headers, body: "{{}}"}});
          return [feed.status, Boolean(feed.headers.get("ETag")), again.status, (await again.json()).success,
            liked.status, (await wrong.json()).error.code];
        """
        with Browser(str(CHROMIUM)) as browser:
            browser.open(f"http://shop.example:{port}/")
            found = browser.run(script)
            browser.open(f"http://evil.example:{port}/")
            refused = browser.run(
                f'return await fetch("{server.url}{DISCOVER}").then(() => "read", (error) => error.name)'
            )
    assert found[:4] == [200, True, 200, True]
    assert found[4] in (200, 201, 204)
    assert found[5] == "validation_error"
    assert refused == "TypeError"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_the_page_of_redoc_shows_our_logo_instead_of_one_that_its_policy_refuses(
    live_server_process: Any,
) -> None:
    [server] = live_server_process()
    with Browser(str(CHROMIUM)) as browser:
        browser.open(f"{server.url}/redoc")
        logo = browser.run("""
          for (let n = 0; n < 600; n++) {
            const logo = document.querySelector("img[alt='redocly logo']");
            if (logo && logo.complete) return [new URL(logo.src).pathname, logo.naturalWidth > 0];
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          return null;
        """)
    assert logo == ["/favicon.svg", True]


# ---- compression and ETags


@pytest.mark.parametrize("path", [DISCOVER, LIVE, "/api/v1/categories", "/openapi.json"])
def test_json_over_a_kilobyte_is_compressed_for_clients_that_accept_gzip(
    server: ServerProcess, path: str
) -> None:
    for number in range(10):
        make_product(title=f"A product with a longer title, number {number}", feed_type="discover")
        make_live_stream(title=f"A stream with a longer title {number}")
    _, plain_headers, plain = ask(server, path)
    assert "content-encoding" not in plain_headers
    assert "accept-encoding" in varies_by(plain_headers)
    for accepted in ("gzip", "br;q=1.0, GZIP;q=0.5", "*"):
        _, headers, body = ask(server, path, accept_encoding=accepted)
        assert headers["content-encoding"] == "gzip"
        assert int(headers["content-length"]) == len(body) < len(plain) / 2
        assert gzip.decompress(body) == plain
    for refused in ("identity", "gzip;q=0", "br", ""):
        _, headers, body = ask(server, path, accept_encoding=refused)
        assert ("content-encoding" in headers, body) == (False, plain)


def test_short_answers_and_those_with_tokens_are_not_compressed(server: ServerProcess) -> None:
    person = make_user(full_name="x" * 100)
    credentials = {"identifier": person.email, "password": PASSWORD}
    status, headers, body = ask(
        server, "/api/v1/auth/login", method="POST", body=credentials, accept_encoding="gzip"
    )
    assert status == 200
    assert len(body) > 1024
    assert "content-encoding" not in headers
    assert headers["cache-control"] == "no-store"
    token = json.loads(body)["data"]["access_token"]
    _, headers, body = ask(server, ME, authorization=f"Bearer {token}", accept_encoding="gzip")
    assert len(body) < 1024
    assert "content-encoding" not in headers


@pytest.mark.parametrize("path", [DISCOVER, "/api/v1/categories", "/api/v1/products/{product}", ME])
def test_an_unchanged_document_is_answered_with_304(server: ServerProcess, path: str) -> None:
    product, person = make_product(feed_type="discover"), make_user()
    path = path.format(product=product.pk)
    login = {"authorization": f"Bearer {access_token_for(person)}"}
    status, headers, body = ask(server, path, **login)
    assert (status, headers["cache-control"]) == (200, headers["cache-control"])
    assert body
    etag = headers["etag"]
    for given in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        status, headers, body = ask(server, path, if_none_match=given, accept_encoding="gzip", **login)
        assert (status, body) == (304, b"")
        assert headers["etag"] == etag
        assert "content-type" not in headers
        assert headers["x-request-id"]
    status, headers, body = ask(server, path, if_none_match='W/"other"', **login)
    assert (status, bool(body)) == (200, True)


def test_a_changed_document_has_another_etag(server: ServerProcess) -> None:
    product = make_product(feed_type="discover")
    path = f"/api/v1/products/{product.pk}"
    _, headers, _ = ask(server, path)
    product.title = "Another title"
    product.save()
    status, changed, body = ask(server, path, if_none_match=headers["etag"])
    assert (status, changed["etag"] == headers["etag"]) == (200, False)
    assert json.loads(body)["data"]["title"] == "Another title"


def test_each_answer_says_who_may_keep_it(server: ServerProcess) -> None:
    person = make_user()
    login = {"authorization": f"Bearer {access_token_for(person)}"}
    kept = {path: ask(server, path, **login)[1]["cache-control"] for path in (ME, DISCOVER, LIVE)}
    assert set(kept.values()) == {"private, no-cache"}
    assert ask(server, "/api/v1/categories")[1]["cache-control"] == "public, max-age=60"
    refused = [
        ask(server, "/api/v1/nope"),
        ask(server, ME),
        ask(server, "/api/v1/offers", method="POST", body={}),
    ]
    assert {headers["cache-control"] for _, headers, _ in refused} == {"no-store"}
    ticket = ask(server, "/api/v1/auth/ws-ticket", method="POST", body={}, **login)
    assert ticket[1]["cache-control"] == "no-store"
    for _, headers, _ in refused:
        assert {"authorization", "accept-language", "origin"} <= varies_by(headers)


# ---- rate limits


@pytest.mark.parametrize("path", [DISCOVER, ME])
def test_answers_say_how_much_may_still_be_asked(server: ServerProcess, path: str) -> None:
    login = {"authorization": f"Bearer {access_token_for(make_user())}"}
    first, second = (ask(server, path, **login)[1] for _ in range(2))
    assert int(first["ratelimit-limit"]) > 1
    assert int(first["ratelimit-remaining"]) == int(first["ratelimit-limit"]) - 1
    assert int(second["ratelimit-remaining"]) == int(first["ratelimit-remaining"]) - 1
    assert 0 < int(second["ratelimit-reset"]) <= 60


def test_the_tightest_limit_is_the_one_that_is_told_and_a_refusal_says_how_long_to_wait(
    server: ServerProcess,
) -> None:
    login = {"authorization": f"Bearer {access_token_for(make_user())}"}
    answers = []
    for _ in range(100):
        answers.append(ask(server, "/api/v1/auth/ws-ticket", method="POST", body={}, **login))
        if answers[-1][0] == 429:
            break
    remaining = [int(headers["ratelimit-remaining"]) for _, headers, _ in answers]
    limit = int(answers[0][1]["ratelimit-limit"])
    assert remaining == [*range(limit - 1, -1, -1), 0]
    status, headers, body = answers[-1]
    assert status == 429
    assert headers["ratelimit-limit"] == str(limit)
    assert headers["ratelimit-reset"] == headers["retry-after"]
    assert json.loads(body)["error"]["details"]["retry_after"] == int(headers["retry-after"])


def test_a_test_fails_where_an_answer_with_a_secret_may_be_stored() -> None:
    body = b'{"success": true, "data": {"ticket": "abc", "expires_in": 30}}'
    arguments: dict[str, Any] = {"status": 200, "body": body}
    headers = {"Content-Type": "application/json"}
    check_answer(
        "POST", "/api/v1/auth/ws-ticket", headers=headers | {"Cache-Control": "no-store"}, **arguments
    )
    with pytest.raises(DescriptionMismatch, match="SecretResponse"):
        check_answer("POST", "/api/v1/auth/ws-ticket", headers=headers, **arguments)
