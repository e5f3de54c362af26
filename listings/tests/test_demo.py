"""Demo products."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from accounts.demo import seed_people
from listings import demo_media
from listings.demo import seed_products
from listings.models import Product
from soukloop.core.images.pictures import picture_at
from soukloop.core.uploads import stored_name

pytestmark = pytest.mark.django_db


@pytest.fixture
def quickly_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    video = demo_media.DemoVideo("https://example.org/drawn.m3u8", "https://example.org/drawn.jpg")
    monkeypatch.setattr("listings.demo.store_demo_picture", lambda **_: video.poster_url)
    monkeypatch.setattr("listings.demo.store_demo_video", lambda categories: video)


@pytest.mark.usefixtures("quickly_drawn")
def test_demo_products_are_added_once_to_both_feeds() -> None:
    people = seed_people()
    first = seed_products(people)
    assert {product.feed_type for product in first} == {"community", "discover"}
    assert seed_products(people) == first
    assert Product.objects.count() == len(first) == 12


def test_demo_products_have_pictures_with_sizes_and_a_video_that_is_stored(
    settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    for product in seed_products(seed_people()):
        if product.feed_type == Product.FeedType.COMMUNITY:
            picture = picture_at(product.image_urls[0])
        else:
            picture = picture_at(product.video_thumbnail_url)
            playlist = stored_name(product.video_url)
            assert playlist is not None
            with default_storage.open(playlist) as file:
                assert b"360.m3u8" in file.read()
        assert picture is not None
        assert picture["blurhash"]
        assert picture["sizes"]


@pytest.mark.usefixtures("quickly_drawn")
def test_demo_products_of_an_earlier_version_get_their_pictures() -> None:
    people = seed_people()
    seed_products(people)
    Product.objects.filter(feed_type="community").update(image_urls=[])
    Product.objects.filter(feed_type="discover").update(video_url="https://example.com/demo.m3u8")
    seed_products(people)
    assert Product.objects.count() == 12
    assert not Product.objects.filter(feed_type="community", image_urls=[]).exists()
    assert not Product.objects.filter(video_url__contains="example.com").exists()


def test_demo_products_are_added_without_ffmpeg(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = tmp_path

    def fail(*args: Any, **kwargs: Any) -> None:
        raise FileNotFoundError("ffmpeg")

    monkeypatch.setattr("subprocess.run", fail)
    monkeypatch.setattr("listings.demo.store_demo_picture", lambda **_: "https://example.com/drawn.jpg")
    assert len(seed_products(seed_people())) == 12
