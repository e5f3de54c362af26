"""Addresses of other servers: no page loads them, and no process of ours fetches them."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.test import Client

from accounts.tests.factories import client_for, make_seller
from chat.models import Message
from chat.tests.factories import make_conversation, make_message
from listings.models import Product
from listings.tests.bodies import COMMUNITY_BODY, DISCOVER_BODY
from listings.tests.factories import make_product
from soukloop.tests.staff import list_url, read, staff_browser
from soukloop.tests.test_staff_screens import SCREENS

ELSEWHERE = "https://tracker.example/picture.jpg"
LOADED = re.compile(r"\b(?:src|srcset|poster|data|background)\s*=\s*[\"']?([^\"'\s>]+)|url\(([^)]+)\)")
PICTURES = re.compile(r'<img src="(?!/static/)([^"]+)"')
NOT_IN_PRODUCTION = re.compile(r"(^|/)(tests|testing|migrations|management)/")
# The modules that open connections to other servers: to addresses from the settings only, and to push
# services that the settings list (WEBPUSH_HOSTS).
CLIENTS = {
    "accounts/sms.py",
    "livestream/media/server.py",
    "notifications/push/access_token.py",
    "notifications/push/web_push.py",
    "orders/carriers.py",
    "soukloop/core/fast_reads/pool.py",
}


@pytest.fixture
def staff() -> Client:
    return staff_browser()


@pytest.mark.django_db
@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_no_admin_screen_loads_anything_from_another_server(staff: Client, model: Any) -> None:
    SCREENS[model]()
    Product.objects.update(
        image_urls=[ELSEWHERE], thumbnail_url=ELSEWHERE, video_url=ELSEWHERE, video_thumbnail_url=ELSEWHERE
    )
    Message.objects.update(message_type="image", content=ELSEWHERE)
    row = model._default_manager.order_by("-pk")[0]
    for url in (list_url(model), f"{list_url(model)}{row.pk}/change/"):
        page = read(staff, url)
        for address in ("".join(groups) for groups in LOADED.findall(page)):
            assert address.startswith("/"), address
        for link in re.findall(r"<a [^>]*tracker\.example[^>]*>", page):
            assert 'rel="noreferrer noopener"' in link


@pytest.mark.django_db
def test_a_products_page_links_to_its_media_elsewhere_and_shows_uploads(staff: Client) -> None:
    seller = make_seller()
    upload = default_storage.url(f"products/{seller.pk}/shoe.jpg")
    product = make_product(
        seller=seller, image_urls=[ELSEWHERE, upload], video_url="https://tracker.example/video.m3u8"
    )
    page = read(staff, f"{list_url(Product)}{product.pk}/change/")
    assert f'<a href="{ELSEWHERE}" rel="noreferrer noopener" target="_blank">' in page
    assert '<a href="https://tracker.example/video.m3u8" rel="noreferrer noopener"' in page
    assert PICTURES.findall(page) == [upload]


@pytest.mark.django_db
def test_a_messages_page_shows_the_uploaded_picture(staff: Client) -> None:
    message = make_message(make_conversation())
    Message.objects.update(message_type="image", data={"upload": "chat/x/shoe.jpg"}, content="")
    page = read(staff, f"{list_url(Message)}{message.pk}/change/")
    assert PICTURES.findall(page) == [default_storage.url("chat/x/shoe.jpg")]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/listings/product/", "/nope"])
def test_pages_may_load_pictures_only_from_us_and_the_media_server(
    staff: Client, path: str, settings: Any
) -> None:
    settings.MEDIA_URL = "https://cdn.example.com/media/"
    policy = staff.get(path)["Content-Security-Policy"]
    [pictures] = re.findall(r"img-src ([^;]+);", policy)
    assert set(pictures.split()) >= {"'self'", "data:", "https://cdn.example.com"}
    assert "*" not in policy
    assert "https:" not in pictures.split()
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in re.sub(r"style-src [^;]+;", "", policy)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_loads_pictures_only_from_us(path: str) -> None:
    assert "img-src 'self' data:;" in Client().get(path)["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"image_urls": [ELSEWHERE]},
        {"video_url": "https://tracker.example/video.m3u8"},
        {"video_thumbnail_url": ELSEWHERE},
        {"image_urls": ["{media}.example.com/uploads/a.jpg"]},
    ],
)
def test_without_external_media_only_our_own_files_are_accepted(
    settings: Any, change: dict[str, Any]
) -> None:
    settings.EXTERNAL_MEDIA_ALLOWED = False
    media = settings.MEDIA_URL.rstrip("/")
    own = {
        "image_urls": [default_storage.url("products/x/a.jpg")],
        "video_url": f"{media}/vods/x/index.m3u8",
        "video_thumbnail_url": default_storage.url("products/x/b.jpg"),
    }
    client = client_for(make_seller())
    assert client.post("/api/v1/products", DISCOVER_BODY | own).status_code == 201
    change = {
        name: [value[0].format(media=media)] if isinstance(value, list) else value
        for name, value in change.items()
    }
    answer = client.post("/api/v1/products", DISCOVER_BODY | own | change)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == list(change)
    product = Product.objects.get()
    assert client.patch(f"/api/v1/products/{product.pk}", change).status_code == 400


@pytest.mark.django_db
def test_external_media_is_accepted_by_default() -> None:
    assert settings.EXTERNAL_MEDIA_ALLOWED
    client = client_for(make_seller())
    assert client.post("/api/v1/products", COMMUNITY_BODY | {"image_urls": [ELSEWHERE]}).status_code == 201


def test_only_known_modules_open_connections_and_none_takes_a_users_address() -> None:
    clients = set()
    root = Path(settings.BASE_DIR)
    for config in apps.get_app_configs():
        if not Path(config.path).is_relative_to(root) or ".venv" in config.path:
            continue
        for file in Path(config.path).rglob("*.py"):
            name = str(file.relative_to(root))
            if not NOT_IN_PRODUCTION.search(name) and _imports_a_client(file):
                clients.add(name)
    assert clients == CLIENTS


def _imports_a_client(file: Path) -> bool:
    libraries = {"urllib.request", "http.client", "requests", "httpx", "aiohttp", "socket", "urllib3"}
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return bool(names & libraries)
