"""The rules for uploaded files can't be passed by writing their addresses in another way."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework import serializers

from listings.serializers.fields import PictureAddressField, WebAddressField
from soukloop.core.images import is_picture
from soukloop.core.images.pictures import described_stem
from soukloop.core.uploads import is_spelled_otherwise

BASE = "https://cdn.example.com/uploads/"
HASH = "LEHV6nWB2yk8pyo0adR*.7kCMdnj"


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> None:
    options = {"location": str(tmp_path), "base_url": BASE}
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": backend, "OPTIONS": options}}
    settings.MEDIA_URL = "https://media.example.com:8443/"


@pytest.mark.parametrize(
    "address",
    [
        "https://CDN.example.com/uploads/videos/1/2/index.m3u8",
        "HTTPS://cdn.example.com/uploads/videos/1/2/index.m3u8",
        "https://cdn.example.com:443/uploads/videos/1/2/index.m3u8",
        "https://cdn.example.com./uploads/videos/1/2/index.m3u8",
        "https://ｃdn.example.com/uploads/videos/1/2/index.m3u8",
        "https://cdn。example.com/uploads/videos/1/2/index.m3u8",
        "http://cdn.example.com:443/uploads/videos/1/2/index.m3u8",
        "https://cdn.example.com/uploads/./videos/1/2/index.m3u8",
        "https://cdn.example.com/uploads/x/../videos/1/2/index.m3u8",
        "https://cdn.example.com//uploads/videos/1/2/index.m3u8",
        "https://cdn.example.com/uploads//videos/1/2/index.m3u8",
        "https://cdn.example.com/%75ploads/videos/1/2/index.m3u8",
        "https://cdn.example.com/uploads/videos/1/2/index%2Em3u8",
        "https://cdn.example.com/uploads/videos/1/2/index.m3u8?",
        "https://cdn.example.com/uploads/videos/1/2/index.m3u8?a=1",
        "https://cdn.example.com/uploads/videos/1/2/index.m3u8#a",
        "https://media.example.com:08443/live/a/index.m3u8",
    ],
)
def test_an_address_of_ours_that_is_written_otherwise_is_refused(address: str) -> None:
    assert is_spelled_otherwise(address)
    with pytest.raises(serializers.ValidationError, match="as it was answered"):
        WebAddressField().run_validation(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://cdn.example.com/uploads/videos/1/2/index.m3u8",
        "https://media.example.com:8443/live/a.b-c_d~e/index.m3u8",
        "https://cdn.example.com/other/./image.jpg?size=1#a",
        "https://cdn.example.com:8443/uploads/x/../a.jpg",
        "https://shop.example/uploads/a%20b.jpg?size=2",
    ],
)
def test_our_own_addresses_and_those_of_others_are_accepted(address: str) -> None:
    assert not is_spelled_otherwise(address)
    assert WebAddressField().run_validation(address) == address


def test_only_uploaded_pictures_stand_for_pictures_and_no_sizes_or_videos() -> None:
    stem = described_stem(f"products/{uuid4()}/abc", width=1200, height=900, blurhash=HASH)
    accepted = [f"{stem}.jpg", f"{stem}.webp", "products/1/old_2024.jpg", "products/1/old_320.jpg"]
    refused = [f"{stem}_320.webp", f"{stem}_1280.jpg", "videos/1/2/index.m3u8", "videos/1/2/360-00001.m4s"]
    assert [name for name in accepted + refused if is_picture(name)] == accepted
    field = PictureAddressField()
    for name in accepted:
        assert field.run_validation(BASE + name) == BASE + name
    for name in refused:
        with pytest.raises(serializers.ValidationError, match="not an uploaded picture"):
            field.run_validation(BASE + name)
    assert field.run_validation("https://shop.example/a.m3u8") == "https://shop.example/a.m3u8"
