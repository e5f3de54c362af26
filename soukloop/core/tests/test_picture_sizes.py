"""The smaller sizes of pictures, and what clients get to know of a picture."""

import io
from pathlib import Path
from typing import Any

import blurhash
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from soukloop.core.images import add_sizes, picture, picture_at, picture_payload, store_image

BASE = "https://media.example/uploads/"


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path), "base_url": BASE},
        }
    }
    return tmp_path


def encoded(source: Image.Image, kind: str) -> bytes:
    output = io.BytesIO()
    source.save(output, kind)
    return output.getvalue()


def stored(source: Image.Image, kind: str = "JPEG") -> dict[str, Any]:
    """Upload a picture and return what clients get of it."""
    upload = SimpleUploadedFile("photo", encoded(source, kind))
    shown = picture(store_image(upload, folder="products").name)
    assert shown is not None
    return shown


def opened(url: str) -> Image.Image:
    return Image.open(default_storage.open(url.removeprefix(BASE)))


def gradient(width: int, height: int) -> Image.Image:
    red, blue = Image.linear_gradient("L").resize((width, height)), Image.new("L", (width, height), 128)
    return Image.merge("RGB", (red, blue, blue))


@pytest.mark.parametrize(
    ("size", "widths"),
    [
        ((2000, 1000), [320, 640, 1280]),
        ((1280, 960), [320, 640, 1280]),
        ((900, 1800), [320, 640, 900]),
        ((512, 512), [320, 512]),
        ((200, 100), [200]),
        ((1, 1), [1]),
    ],
)
def test_a_picture_has_webp_and_jpeg_of_each_width_up_to_its_own(size: Any, widths: list[int]) -> None:
    shown = stored(gradient(*size))
    assert (shown["width"], shown["height"]) == size == opened(shown["url"]).size
    assert [each["width"] for each in shown["sizes"]] == widths
    for each in shown["sizes"]:
        for key, kind in (("webp_url", "WEBP"), ("jpeg_url", "JPEG")):
            file = opened(each[key])
            assert file.format == kind
            assert file.width == each["width"]
            assert file.height == pytest.approx(each["width"] * size[1] / size[0], abs=1)


def test_a_width_that_is_the_pictures_own_needs_no_second_file_of_its_format(storage: Path) -> None:
    shown = stored(gradient(600, 400))
    assert shown["sizes"][-1]["jpeg_url"] == shown["url"]
    assert len(list(storage.rglob("*.*"))) == 4


def test_transparency_is_kept_in_webp_and_white_in_jpeg() -> None:
    source = Image.new("RGBA", (700, 700), (0, 0, 0, 0))
    source.paste((255, 0, 0, 255), (350, 0, 700, 700))
    shown = stored(source, "PNG")
    assert shown["url"].endswith(".webp")
    for each in shown["sizes"]:
        webp, jpeg = opened(each["webp_url"]), opened(each["jpeg_url"])
        assert webp.mode == "RGBA"
        assert webp.getpixel((5, 5))[3] == 0  # type: ignore[index]
        assert min(jpeg.convert("RGB").getpixel((5, 5))) > 240  # type: ignore[arg-type]
    assert shown["sizes"][-1]["webp_url"] == shown["url"]


@pytest.mark.parametrize(("size", "components"), [((640, 320), (4, 3)), ((320, 640), (3, 4))])
def test_the_blurhash_shows_where_the_picture_is_light(size: Any, components: Any) -> None:
    shown = stored(gradient(*size))
    assert blurhash.components(shown["blurhash"]) == components
    rows = blurhash.decode(shown["blurhash"], 8, 8)
    assert rows[0][4][0] + 80 < rows[7][4][0]  # the red grows downwards
    assert all(abs(pixel[2] - 128) < 40 for row in rows for pixel in row)


def test_events_name_the_fields_of_a_picture_in_camel_case() -> None:
    shown = stored(gradient(400, 400))
    payload = picture_payload(shown)
    assert payload is not None
    assert payload["sizes"][0] == {
        "width": 320,
        "webpUrl": shown["sizes"][0]["webp_url"],
        "jpegUrl": shown["sizes"][0]["jpeg_url"],
    }
    assert {name: payload[name] for name in ("url", "width", "height", "blurhash")} == {
        name: shown[name] for name in ("url", "width", "height", "blurhash")
    }


def test_of_a_picture_on_another_server_only_the_address_is_known() -> None:
    assert picture_at("https://example.com/a_a640x480_x.jpg") == {
        "url": "https://example.com/a_a640x480_x.jpg",
        "width": None,
        "height": None,
        "blurhash": None,
        "sizes": [],
    }
    assert picture_at("") is None
    assert picture("") is None
    assert picture_payload(None) is None


@pytest.mark.parametrize(
    "name",
    [
        "products/0123.jpg",
        "products/0123_a640x480_AAAA.jpg",
        "products/0123_z640x480_TDAwMDAwZlFmUWZRZlFmUWZRZlFmUWZRZlFmUQ.jpg",  # of unknown widths
        "products/0123_a640x480_WDAwMDAwZlFmUWZRZlFmUWZRZlFmUWZRZlFmUQ.jpg",  # of other components
        "products/0123_a0x480_TDAwMDAwZlFmUWZRZlFmUWZRZlFmUWZRZlFmUQ.jpg",
        "products/0123_a640x480_TDAwMDAwZlFmUWZRZlFmUWZRZlFmUWZRZlFmUQ.png",
    ],
)
def test_a_name_that_describes_no_picture_gives_no_sizes(name: str) -> None:
    shown = picture_at(BASE + name)
    assert shown is not None
    assert (shown["width"], shown["blurhash"], shown["sizes"]) == (None, None, [])


def test_a_picture_of_an_earlier_version_gets_sizes_and_keeps_its_bytes(storage: Path) -> None:
    data = encoded(gradient(800, 600), "JPEG")
    (storage / "products").mkdir()
    (storage / "products" / "0123.jpg").write_bytes(data)
    name = add_sizes("products/0123.jpg")
    assert (storage / name).read_bytes() == data
    shown = picture(name)
    assert shown is not None
    assert [each["width"] for each in shown["sizes"]] == [320, 640, 800]
    assert (storage / "products" / "0123.jpg").exists()
