"""Uploaded images and their thumbnails."""

import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller
from listings import tasks
from listings.models import Product
from listings.services import images
from listings.tests.bodies import COMMUNITY_BODY
from listings.tests.factories import make_product
from soukloop.core.images import picture_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Any:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path), "base_url": "http://localhost:8080/uploads/"},
        }
    }
    return tmp_path


def image_file(name: Any = "a.jpg", size: Any = (1200, 900), kind: Any = "JPEG") -> Any:
    content = io.BytesIO()
    Image.new("RGB", size, "teal").save(content, kind)
    return SimpleUploadedFile(name, content.getvalue(), content_type="image/jpeg")


def upload(client: Any, file: Any = None) -> Any:
    return client.post("/api/v1/uploads/images", {"image": file or image_file()}, format="multipart")


def test_job_makes_the_thumbnail_of_an_uploaded_image(media: Any) -> None:
    seller = make_seller()
    client = client_for(seller)
    answer = upload(client)
    assert answer.status_code == 201
    stored = answer.json()["data"]
    assert stored["url"].startswith(f"http://localhost:8080/uploads/products/{seller.pk}/")
    assert (stored["width"], stored["height"]) == (1200, 900)

    product_id = client.post("/api/v1/products", COMMUNITY_BODY | {"image_urls": [stored["url"]]}).json()[
        "data"
    ]["id"]
    job = ProcrastinateJob.objects.get(task_name="listings.make_thumbnail")
    assert job.args.keys() == {"product_id", "_context"}  # with the request's id
    assert job.args["product_id"] == product_id
    for _ in range(2):  # a job may run twice
        tasks.make_thumbnail(**job.args)
    product = Product.objects.get()
    assert product.thumbnail_url.startswith("http://localhost:8080/uploads/")
    assert product.thumbnail_url != stored["url"]
    name = product.thumbnail_url.removeprefix("http://localhost:8080/uploads/")
    with default_storage.open(name) as file:
        assert Image.open(file).size == (480, 360)


def test_thumbnail_of_a_replaced_image_is_not_used(media: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seller = make_seller()
    client = client_for(seller)
    first, second = (upload(client).json()["data"]["url"] for _ in range(2))
    product = make_product(seller=seller, image_urls=[first])
    Product.objects.update(image_urls=[second], thumbnail_url="kept")
    images.make_thumbnail(product=product)
    assert Product.objects.get().thumbnail_url == "kept"


def test_no_file_of_another_user_is_read_for_a_thumbnail(media: Any) -> None:
    product = make_product(image_urls=[f"http://localhost:8080/uploads/products/{uuid4()}/x.jpg"])
    assert images.uploaded_image_name(product) is None
    product.image_urls = [f"http://localhost:8080/uploads/products/{product.seller_id}/../../secret.jpg"]
    assert images.uploaded_image_name(product) is None


@pytest.mark.parametrize("content", [b"", b"not a picture", b"GIF89a" + b"\0" * 40])
def test_file_that_is_not_an_image_is_refused(media: Any, content: Any) -> None:
    answer = upload(client_for(make_seller()), SimpleUploadedFile("a.jpg", content))
    assert answer.status_code == 400
    assert list(media.rglob("*.*")) == []


def test_upload_needs_a_login(media: Any) -> None:
    assert upload(APIClient()).status_code == 401


def test_a_product_shows_the_sizes_of_its_images_in_lists_and_on_its_page(media: Any) -> None:
    client = client_for(make_seller())
    stored = upload(client).json()["data"]
    assert [size["width"] for size in stored["sizes"]] == [320, 640, 1200]
    urls = [stored["url"], "https://example.com/other.jpg"]
    created = client.post("/api/v1/products", COMMUNITY_BODY | {"image_urls": urls}).json()["data"]
    external = {"url": urls[1], "width": None, "height": None, "blurhash": None, "sizes": []}
    assert created["images"] == [stored, external]
    assert created["image"] == stored
    place = {"latitude": 25.0772, "longitude": 55.1369}
    [card] = client.get("/api/v1/feeds/community", place).json()["data"]["items"]
    assert card["image"] == stored


def test_a_product_without_images_shows_its_videos_thumbnail() -> None:
    product = make_product(image_urls=[], video_thumbnail_url="https://example.com/t.jpg")
    shown = APIClient().get(f"/api/v1/products/{product.pk}").json()["data"]
    assert shown["images"] == []
    assert shown["image"]["url"] == "https://example.com/t.jpg"


def test_images_of_earlier_versions_get_sizes_once(media: Any) -> None:
    product = make_product()
    folder = media / "products" / str(product.seller_id)
    folder.mkdir(parents=True)
    (folder / "old.jpg").write_bytes(image_file().read())
    base = f"http://localhost:8080/uploads/products/{product.seller_id}"
    Product.objects.update(
        image_urls=[f"{base}/old.jpg", f"{base}/missing.jpg", "https://example.com/other.jpg"]
    )
    assert images.add_sizes_to_products() == 1
    product.refresh_from_db()
    first, *others = product.image_urls
    shown = picture_at(first)
    assert shown is not None
    assert [size["width"] for size in shown["sizes"]] == [320, 640, 1200]
    assert others == [f"{base}/missing.jpg", "https://example.com/other.jpg"]
    assert images.add_sizes_to_products() == 0
