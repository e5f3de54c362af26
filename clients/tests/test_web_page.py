"""The web pages of the documentation, in Chromium and from another origin than the API's."""

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from accounts.tests.factories import PASSWORD, make_seller, make_user
from clients.tests.conftest import MODULES, run_node
from clients.tests.test_docs import PAGES, blocks
from listings.tests.factories import make_product
from livestream.tests.factories import make_live_stream
from soukloop.realtime.testing.servers import ServerProcess, free_port
from soukloop.tests.browser import Browser

CHROMIUM = shutil.which("chromium")
HERE = "25.0772, 55.1369"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield
        site.shutdown()


def test_pages_of_the_documentation_work_in_a_browser(
    live_server_process: Callable[..., list[ServerProcess]], typescript_client: Path, tmp_path: Path
) -> None:
    port = free_port()
    origin = f"http://shop.example:{port}"
    [server] = live_server_process(fresh=True, environment={"TRUSTED_ORIGINS": origin})
    seller, buyer = make_seller(username="noura"), make_user(username="rana")
    shown = make_product(seller=seller, title="Oud & <b>roses</b>", feed_type="discover")
    near = make_product(seller=seller, title="Brass coffee pot", price=120)
    stream = make_live_stream(seller=seller)
    (page,) = blocks(PAGES / "web.md", "html")
    (tmp_path / "plain.html").write_text(page.replace("http://localhost:8000", server.url))
    (module,) = blocks(PAGES / "web.md", "ts")
    (tmp_path / "app.ts").write_text(module.replace("http://localhost:8000", server.url))
    (tmp_path / "node_modules").symlink_to(MODULES)
    bundle = ["--bundle", "--format=iife", "--global-name=app", f"--outfile={tmp_path / 'app.js'}"]
    run_node(MODULES / "esbuild" / "bin" / "esbuild", tmp_path / "app.ts", *bundle, cwd=tmp_path)
    (tmp_path / "app.html").write_text('<!doctype html><script src="app.js"></script>')

    with serving(tmp_path, port), Browser(str(CHROMIUM)) as browser:
        browser.open(f"{origin}/plain.html")
        listed = browser.run(
            "for (let n = 0; n < 200 && !document.querySelector('li'); n++)"
            " await new Promise((resolve) => setTimeout(resolve, 50));"
            " return Array.from(document.querySelectorAll('li'), (line) => line.textContent);"
        )
        browser.open(f"{origin}/app.html")
        found = browser.run(
            f"const near = await app.feed({HERE});"
            " const screen = { line: () => undefined, viewers: () => undefined, over: () => undefined };"
            f" const {{ hlsUrl, leave }} = await app.watch('{stream.pk}', screen);"
            f" await app.logIn('{buyer.username}', '{PASSWORD}');"
            " await leave();"
            f" const refused = await app.offer('{near.pk}', 500);"
            f" const made = await app.offer('{near.pk}', 100);"
            " return [near.map(({ id }) => id), Boolean(hlsUrl), refused, made];"
        )

    assert any(shown.title in line for line in listed), listed
    assert str(near.pk) in found[0]
    assert found[1] is True
    assert found[2] is not None
    assert found[3] is None
