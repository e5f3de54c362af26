"""Colours of uploaded pictures: whatever their profile or mode, what is stored is sRGB."""

import io
import struct
from typing import Any

import pillow_heif
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageCms

from soukloop.core.images import store_image

Matrix = list[list[float]]

# Columns are the primaries in XYZ, adapted to D50, as profiles store them.
SRGB: Matrix = [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
DISPLAY_P3: Matrix = [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
ADOBE_RGB: Matrix = [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
PRO_PHOTO: Matrix = [[0.79767, 0.13519, 0.03134], [0.28804, 0.71187, 0.00009], [0.0, 0.0, 0.82491]]
SPACES: dict[str, tuple[Matrix, float | None]] = {  # with the exponent, or None for the curve of sRGB
    "Display P3": (DISPLAY_P3, None),
    "Adobe RGB": (ADOBE_RGB, 563 / 256),
    "ProPhoto": (PRO_PHOTO, 1.8),
}


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> Any:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path), "base_url": "https://media.example/uploads/"},
        }
    }


def linear(value: float, exponent: float | None) -> float:
    if exponent is not None:
        return value**exponent
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def profile(matrix: Matrix, exponent: float | None) -> bytes:
    """Return an ICC profile, version 2, of three primaries and one curve."""

    def xyz(x: float, y: float, z: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in (x, y, z)))

    if exponent is None:
        points = [round(65535 * linear(step / 1023, None)) for step in range(1024)]
        curve = struct.pack(">4s4xI1024H", b"curv", 1024, *points)
    else:
        curve = struct.pack(">4s4xIH2x", b"curv", 1, round(exponent * 256))
    red, green, blue = zip(*matrix, strict=True)
    tags = {
        b"desc": struct.pack(">4s4xI5s8x67x", b"desc", 5, b"test\0") + bytes(4),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.82491),
        b"rXYZ": xyz(*red),
        b"gXYZ": xyz(*green),
        b"bXYZ": xyz(*blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value
    white = struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.82491)))
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    return (header + bytes(68 - len(header)) + white).ljust(128, b"\0") + table + body


def times(matrix: Matrix, vector: list[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def inverse(m: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = m
    cofactors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return [[value / determinant for value in row] for row in cofactors]


def in_srgb(colour: tuple[int, ...], matrix: Matrix, exponent: float | None) -> list[int]:
    """Compute what a colour management system should make of a colour, by the formulas of the standards."""
    xyz = times(matrix, [linear(value / 255, exponent) for value in colour])
    values = [min(1.0, max(0.0, value)) for value in times(inverse(SRGB), xyz)]
    return [
        round(255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055))
        for value in values
    ]


def stored_colour(data: bytes) -> list[int]:
    image = store_image(SimpleUploadedFile("photo.jpg", data), folder="products")
    picture = Image.open(default_storage.open(image.name))
    assert "icc_profile" not in picture.info
    value = picture.convert("RGB").getpixel((8, 8))
    assert isinstance(value, tuple)
    return list(value)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    output = io.BytesIO()
    if kind == "HEIC":
        picture.info["icc_profile"] = options.pop("icc_profile")
        pillow_heif.from_pillow(picture).save(output, quality=-1, chroma=444)
    else:
        picture.save(output, kind, **options)
    return output.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC"])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("colour", [(180, 110, 90), (90, 140, 110), (128, 128, 128), (255, 255, 255)])
def test_colours_are_converted_from_the_embedded_profile(kind: Any, space: Any, colour: Any) -> None:
    matrix, exponent = SPACES[space]
    options = {"lossless": True} if kind == "WEBP" else {"quality": 98} if kind == "JPEG" else {}
    picture = Image.new("RGB", (16, 16), colour)
    data = encoded(picture, kind, icc_profile=profile(matrix, exponent), **options)
    assert stored_colour(data) == pytest.approx(in_srgb(colour, matrix, exponent), abs=3)


def test_a_colour_outside_srgb_becomes_the_nearest_one_inside() -> None:
    data = encoded(Image.new("RGB", (16, 16), (255, 0, 0)), "PNG", icc_profile=profile(DISPLAY_P3, None))
    assert stored_colour(data) == pytest.approx([255, 0, 0], abs=3)


def test_a_transparent_picture_is_converted_and_keeps_its_transparency() -> None:
    colour = (180, 110, 90)
    picture = Image.new("RGBA", (16, 16), (*colour, 128))
    data = encoded(picture, "PNG", icc_profile=profile(DISPLAY_P3, None))
    image = store_image(SimpleUploadedFile("a.png", data), folder="products")
    *rgb, alpha = Image.open(default_storage.open(image.name)).convert("RGBA").getpixel((8, 8))  # type: ignore[misc]
    assert rgb == pytest.approx(in_srgb(colour, DISPLAY_P3, None), abs=3)
    assert alpha == 128


def test_a_palette_with_a_profile_is_converted() -> None:
    colour = (180, 110, 90)
    picture = Image.new("RGB", (16, 16), colour).quantize(4)
    data = encoded(picture, "PNG", icc_profile=profile(DISPLAY_P3, None))
    assert stored_colour(data) == pytest.approx(in_srgb(colour, DISPLAY_P3, None), abs=3)


@pytest.mark.parametrize(
    "broken",
    [
        b"not a profile",
        profile(DISPLAY_P3, None)[:200],
        profile(DISPLAY_P3, None).replace(b"rTRC", b"xxxx"),
        profile(DISPLAY_P3, None).replace(b"RGB XYZ ", b"7CLRXYZ "),
        profile(DISPLAY_P3, None).replace(b"RGB XYZ ", b"CMYKXYZ "),
    ],
    ids=["no profile", "cut short", "without a curve", "seven inks", "of another mode"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_broken_profile_is_ignored(broken: Any, kind: Any) -> None:
    data = encoded(Image.new("RGB", (16, 16), (180, 110, 90)), kind, icc_profile=broken)
    assert stored_colour(data) == pytest.approx([180, 110, 90], abs=4)


def test_grey_with_a_profile_of_rgb_and_without_one_stays_grey() -> None:
    grey = Image.new("L", (16, 16), 128)
    assert stored_colour(encoded(grey, "PNG")) == pytest.approx([128] * 3, abs=2)
    matrix, exponent = SPACES["Adobe RGB"]
    with_profile = encoded(grey, "PNG", icc_profile=profile(matrix, exponent))
    assert stored_colour(with_profile) == pytest.approx(in_srgb((128,) * 3, matrix, exponent), abs=3)


def test_16_bit_grey_keeps_its_brightness() -> None:
    for value, expected in ((0, 0), (0x8000, 128), (0xFFFF, 255)):
        data = encoded(Image.new("I;16", (16, 16), value), "PNG")
        assert stored_colour(data) == pytest.approx([expected] * 3, abs=2)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 100, 50)])
def test_cmyk_as_photoshop_writes_it_is_not_inverted(colour: Any) -> None:
    data = encoded(Image.new("RGB", (16, 16), colour).convert("CMYK"), "JPEG", quality=98)
    assert b"Adobe" in data  # its CMYK values are inverted
    assert stored_colour(data) == pytest.approx(list(colour), abs=4)


def test_the_srgb_profile_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for colour in ((180, 110, 90), (10, 250, 30), (0, 0, 0), (255, 255, 255)):
        data = encoded(Image.new("RGB", (16, 16), colour), "PNG", icc_profile=srgb)
        assert stored_colour(data) == pytest.approx(list(colour), abs=3)
