"""Views are buffered and written once each; pictures are stored and get thumbnails from a job."""

import io
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from PIL import Image
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller, make_user
from listings import keys, tasks
from listings.models import Product, ViewBatch
from listings.services import favorites, images, view_counts
from listings.tests.factories import make_product
from listings.tests.test_api import CONTRACT_2_1
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(settings, tmp_path):
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path), "base_url": "http://localhost:8080/uploads/"},
        }
    }
    return tmp_path


def picture(name="a.jpg", size=(1200, 900), kind="JPEG"):
    content = io.BytesIO()
    Image.new("RGB", size, "teal").save(content, kind)
    return SimpleUploadedFile(name, content.getvalue(), content_type="image/jpeg")


def upload(client, file=None):
    return client.post("/api/v1/uploads/images", {"image": file or picture()}, format="multipart")


def test_looks_are_counted_but_not_the_sellers_own():
    seller = make_seller()
    product = make_product(seller=seller)
    url = f"/api/v1/products/{product.pk}"
    for client in (APIClient(), client_for(make_user()), client_for(seller)):
        assert client.get(url).status_code == 200
    assert view_counts.flush_views() == 2
    product.refresh_from_db()
    assert product.view_count == 2
    assert view_counts.flush_views() == 0


def test_asking_for_the_headers_alone_is_no_look():
    product = make_product()
    assert APIClient().head(f"/api/v1/products/{product.pk}").status_code == 200
    assert view_counts.flush_views() == 0


def test_views_gathered_while_a_batch_is_written_wait_for_the_next():
    product = make_product()
    view_counts.record_view(product.pk)
    redis_client().rename(keys.PRODUCT_VIEWS, keys.PRODUCT_VIEWS_BATCH)
    view_counts.record_view(product.pk)
    view_counts.record_view(product.pk)
    assert view_counts.flush_views() == 1
    assert view_counts.flush_views() == 2
    assert Product.objects.get().view_count == 3


def test_batch_whose_writer_died_after_the_commit_is_not_added_again(monkeypatch):
    product = make_product()
    view_counts.record_view(product.pk)
    client = redis_client()

    class Dying:
        def __getattr__(self, name):
            return getattr(client, name)

        def delete(self, *names):
            raise SystemExit("killed")

    monkeypatch.setattr(view_counts, "redis_client", Dying)
    with pytest.raises(SystemExit):
        view_counts.flush_views()
    monkeypatch.undo()
    assert Product.objects.get().view_count == 1
    view_counts.record_view(product.pk)
    assert view_counts.flush_views() == 0
    assert view_counts.flush_views() == 1
    assert Product.objects.get().view_count == 2
    assert ViewBatch.objects.count() == 2


def test_views_of_a_product_that_is_no_more_harm_nothing():
    product = make_product()
    view_counts.record_view(uuid4())
    view_counts.record_view(product.pk)
    view_counts.flush_views()
    assert Product.objects.get().view_count == 1


def test_uploaded_picture_gets_a_thumbnail_from_a_job(media):
    seller = make_seller()
    client = client_for(seller)
    answer = upload(client)
    assert answer.status_code == 201
    stored = answer.json()["data"]
    assert stored["url"].startswith(f"http://localhost:8080/uploads/products/{seller.pk}/")
    assert (stored["width"], stored["height"]) == (1200, 900)

    product_id = client.post("/api/v1/products", CONTRACT_2_1 | {"image_urls": [stored["url"]]}).json()[
        "data"
    ]["id"]
    job = ProcrastinateJob.objects.get(task_name="listings.make_thumbnail")
    assert job.args == {"product_id": product_id}
    for _ in range(2):  # a job may run twice
        tasks.make_thumbnail(**job.args)
    product = Product.objects.get()
    assert product.thumbnail_url.startswith("http://localhost:8080/uploads/")
    assert product.thumbnail_url != stored["url"]
    name = product.thumbnail_url.removeprefix("http://localhost:8080/uploads/")
    with default_storage.open(name) as file:
        assert Image.open(file).size == (480, 360)


def test_thumbnail_of_a_picture_that_was_replaced_is_not_used(media, monkeypatch):
    seller = make_seller()
    client = client_for(seller)
    first, second = (upload(client).json()["data"]["url"] for _ in range(2))
    product = make_product(seller=seller, image_urls=[first])
    Product.objects.update(image_urls=[second], thumbnail_url="kept")
    images.make_thumbnail(product=product)
    assert Product.objects.get().thumbnail_url == "kept"


def test_no_file_of_somebody_else_is_read_for_a_thumbnail(media):
    product = make_product(image_urls=[f"http://localhost:8080/uploads/products/{uuid4()}/x.jpg"])
    assert images.uploaded_image_name(product) is None
    product.image_urls = [f"http://localhost:8080/uploads/products/{product.seller_id}/../../secret.jpg"]
    assert images.uploaded_image_name(product) is None


@pytest.mark.parametrize("content", [b"", b"not a picture", b"GIF89a" + b"\0" * 40])
def test_what_is_no_picture_is_refused(media, content):
    answer = upload(client_for(make_seller()), SimpleUploadedFile("a.jpg", content))
    assert answer.status_code == 400
    assert list(media.rglob("*.*")) == []


def test_upload_needs_a_login(media):
    assert upload(APIClient()).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_parallel_likes_and_writes_of_views_add_up():
    product = make_product()
    people = [make_user() for _ in range(12)]
    for _ in range(30):
        view_counts.record_view(product.pk)

    def like(person):
        try:
            favorites.add_favorite(actor=person, product_id=product.pk)
            favorites.add_favorite(actor=person, product_id=product.pk)
            if person in people[:6]:
                favorites.remove_favorite(actor=person, product_id=product.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        written = pool.submit(view_counts.flush_views)
        list(pool.map(like, people))
        assert written.result() == 30
    product.refresh_from_db()
    assert (product.favorite_count, product.view_count) == (6, 30)
