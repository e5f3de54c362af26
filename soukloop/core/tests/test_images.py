"""Uploaded pictures, valid and malicious, and the files that are stored."""

import io
import resource
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, PngImagePlugin

from soukloop.core.errors import BadRequest, Busy, PayloadTooLarge, Unavailable
from soukloop.core.images import delete_image, make_thumbnail, public_url, store_image, storing


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Any:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path), "base_url": "https://media.example/uploads/"},
        }
    }
    return tmp_path


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    output = io.BytesIO()
    picture.save(output, kind, **options)
    return output.getvalue()


def upload(data: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="image/jpeg")


def stored(image: Any) -> Image.Image:
    return Image.open(default_storage.open(image.name))


def pixel(picture: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    value = picture.getpixel(at)
    assert isinstance(value, tuple)
    return value


def refused(data: bytes, storage: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        store_image(upload(data), folder="products")
    assert caught.value.code == "image_invalid"
    assert list(caught.value.details) == ["image"]
    assert list(storage.rglob("*")) == []
    return caught.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_opaque_picture_is_stored_as_jpeg_under_a_random_name(kind: Any) -> None:
    first = store_image(upload(encoded(Image.new("RGB", (40, 30), "red"), kind)), folder="products")
    second = store_image(upload(encoded(Image.new("RGB", (40, 30), "red"), kind)), folder="products")

    assert (first.width, first.height) == (40, 30)
    assert first.name.startswith("products/")
    assert first.name.endswith(".jpg")
    assert first.name != second.name
    assert first.url == f"https://media.example/uploads/{first.name}" == public_url(first.name)
    assert stored(first).format == "JPEG"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_transparent_picture_keeps_its_transparency(mode: Any) -> None:
    picture = Image.new("RGBA", (20, 20), (255, 0, 0, 0)).convert(mode)
    options = {"transparency": 0} if mode == "P" else {}
    image = store_image(upload(encoded(picture, "PNG", **options)), folder="avatars")

    assert image.name.endswith(".webp")
    assert pixel(stored(image).convert("RGBA"), (5, 5))[3] == 0


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16", "YCbCr"])
def test_every_colour_mode_is_converted_to_rgb(mode: Any) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    source = (
        Image.new("I;16", (8, 8), 0x8000) if mode == "I;16" else Image.new("L", (8, 8), 128).convert(mode)
    )
    image = store_image(upload(encoded(source, kind)), folder="products")
    assert stored(image).mode == "RGB"
    if mode != "1":
        assert 115 <= pixel(stored(image), (4, 4))[0] <= 140


def test_a_large_picture_is_scaled_down_in_proportion(settings: Any) -> None:
    image = store_image(upload(encoded(Image.new("RGB", (6000, 3000)), "JPEG")), folder="products")
    assert (image.width, image.height) == (settings.IMAGE_MAX_SIDE, settings.IMAGE_MAX_SIDE // 2)
    assert stored(image).size == (image.width, image.height)


@pytest.mark.parametrize(
    ("orientation", "size", "red_corner"),
    [
        (1, (40, 20), (0, 0)),
        (2, (40, 20), (39, 0)),
        (3, (40, 20), (39, 19)),
        (4, (40, 20), (0, 19)),
        (5, (20, 40), (0, 0)),
        (6, (20, 40), (19, 0)),
        (7, (20, 40), (19, 39)),
        (8, (20, 40), (0, 39)),
        (99, (40, 20), (0, 0)),
    ],
)
def test_the_exif_orientation_is_applied(orientation: Any, size: Any, red_corner: Any) -> None:
    picture = Image.new("RGB", (40, 20), "blue")
    picture.paste("red", (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = store_image(upload(encoded(picture, "JPEG", exif=exif, quality=95)), folder="products")

    assert (image.width, image.height) == size
    red, _, blue = pixel(stored(image), red_corner)
    assert red > 200 > 50 > blue


def test_location_and_camera_are_removed_from_the_metadata(storage: Any) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCam"
    exif.get_ifd(0x8825)[2] = (25.0, 4.0, 37.9)
    data = encoded(
        Image.new("RGB", (20, 20)), "JPEG", exif=exif, comment=b"SecretNote", icc_profile=b"SecretIcc"
    )
    image = store_image(upload(data), folder="products")
    assert b"Secret" not in (storage / image.name).read_bytes()
    assert not stored(image).getexif()

    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "SecretName")
    image = store_image(upload(encoded(Image.new("RGBA", (20, 20)), "PNG", pnginfo=notes)), folder="products")
    assert b"Secret" not in (storage / image.name).read_bytes()


def test_the_video_of_a_motion_photo_is_removed(storage: Any) -> None:
    data = encoded(Image.new("RGB", (20, 20)), "JPEG") + b"\x00\x00\x00\x18ftypmp42" + b"\x01" * 1000
    image = store_image(upload(data), folder="products")
    assert b"ftyp" not in (storage / image.name).read_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\xff\xd8\xff\xe0 and so on",
        b"<html><script>alert(1)</script></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%PDF-1.7",
        encoded(Image.new("RGB", (9, 9)), "GIF"),
        encoded(Image.new("RGB", (9, 9)), "BMP"),
        encoded(Image.new("RGB", (9, 9)), "TIFF"),
        encoded(Image.effect_noise((99, 99), 50), "JPEG")[:-500],
        encoded(Image.effect_noise((99, 99), 50), "PNG")[:-500],
        encoded(Image.effect_noise((99, 99), 50), "WEBP")[:-500],
    ],
    ids=range(12),
)
def test_an_invalid_picture_is_refused_whatever_its_name(data: Any, storage: Any) -> None:
    refused(data, storage)


def archive_behind(data: bytes) -> bytes:
    output = io.BytesIO(data)
    output.seek(0, io.SEEK_END)
    with zipfile.ZipFile(output, "a") as archive:
        archive.writestr("payload.class", b"MARKER")
    return output.getvalue()


PHOTO = encoded(Image.new("RGB", (40, 30), "red"), "JPEG")
EXTRA = {
    "video": PHOTO + b"\x00\x00\x00\x18ftypmp42MARKER" + bytes(range(256)) * 20_000,
    "scans in the video": PHOTO + b"MARKER" + b"\xff\xda\x00\x08" * 1000,
    "script behind": PHOTO + b"<SCRIPT>MARKER</SCRIPT>",
    "PHP in a comment": encoded(Image.new("RGB", (40, 30), "red"), "JPEG", comment=b"<?php MARKER ?>"),
    "page in a thumbnail": PHOTO[:2] + b"\xff\xe1\x00\x16<html><svg MARKER>   " + PHOTO[2:],
    "archive": archive_behind(PHOTO),
    "PNG with an archive": archive_behind(encoded(Image.new("RGB", (40, 30), "red"), "PNG")),
    "WebP with a tail": encoded(Image.new("RGB", (40, 30), "red"), "WEBP") + b"<script>MARKER",
}


@pytest.mark.parametrize("data", EXTRA.values(), ids=EXTRA)
def test_whatever_else_a_file_contains_a_picture_is_accepted_and_only_its_pixels_are_stored(
    data: Any, storage: Any
) -> None:
    image = store_image(upload(data), folder="products")
    written = (storage / image.name).read_bytes()
    assert (image.width, image.height) == (40, 30)
    assert pixel(stored(image), (20, 15))[0] > 250
    assert b"MARKER" not in written
    assert b"<" not in written[:20]
    assert written.endswith(b"\xff\xd9")


def test_bytes_of_a_tag_in_the_pixels_are_no_reason_to_refuse(storage: Any) -> None:
    rows = b"".join(b"\0" + b"<script><html><?php <svg        " for _ in range(20))
    header = struct.pack(">IIBBBBB", 32, 20, 8, 0, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(rows, 0))
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")
    assert b"<script>" in data
    image = store_image(upload(data), folder="products")
    assert (image.width, image.height) == (32, 20)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_an_end_marker_is_accepted(progressive: Any) -> None:
    data = encoded(Image.new("RGB", (40, 30), "red"), "JPEG", progressive=progressive)
    assert data.endswith(b"\xff\xd9")
    for cut_off in (1, 2):
        image = store_image(upload(data[:-cut_off]), folder="products")
        assert pixel(stored(image), (39, 29))[0] > 250


@pytest.mark.parametrize("missing", [20, 2000, 20_000])
def test_a_jpeg_that_lacks_pixels_is_refused_and_not_stored_half_grey(missing: Any, storage: Any) -> None:
    data = encoded(Image.effect_noise((300, 300), 80), "JPEG", quality=90)
    assert "too early" in refused(data[:-missing], storage).message


@pytest.mark.parametrize("size", [(8000, 6000), (6000, 8000)])
def test_a_photo_of_48_million_pixels_is_accepted(size: Any) -> None:
    image = store_image(upload(encoded(Image.new("RGB", size, "red"), "JPEG")), folder="products")
    assert sorted([image.width, image.height]) == [1536, 2048]


def heic(picture: Image.Image, **options: Any) -> bytes:
    pillow_heif.register_heif_opener()
    return encoded(picture, "HEIF", **options)


def test_a_heic_photo_is_stored_as_an_upright_jpeg(storage: Any) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCam"
    exif[0x0112] = 6
    picture = Image.new("RGB", (400, 200), "blue")
    picture.paste("red", (0, 0, 100, 100))
    picture.info["exif"] = exif.tobytes()
    image = store_image(upload(heic(picture, quality=90), "IMG_0001.HEIC"), folder="products")
    assert (image.width, image.height) == (200, 400)
    assert image.name.endswith(".jpg")
    red, _, blue = pixel(stored(image), (190, 10))
    assert red > 200 > 50 > blue
    assert b"Secret" not in (storage / image.name).read_bytes()


def test_a_damaged_heic_and_a_video_are_refused(storage: Any) -> None:
    data = heic(Image.effect_noise((200, 200), 80).convert("RGB"))
    refused(data[: len(data) // 2], storage)
    refused(b"\x00\x00\x00\x18ftypmp42" + bytes(2000), storage)
    refused(b"\x00\x00\x00\x18ftypheic" + bytes(2000), storage)


def test_a_decoder_that_crashes_refuses_the_picture_and_harms_nothing(
    storage: Any, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> None:
    crashing = tmp_path_factory.mktemp("decoder") / "decoder.py"
    crashing.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(storing, "_DECODER", crashing)
    refused(PHOTO, storage)


def test_a_picture_that_waits_too_long_for_the_decoder_is_answered_with_busy(
    storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "_WAIT_MAX", 0.05)
    with storing._decoder_is_free, pytest.raises(Busy) as caught:
        store_image(upload(PHOTO), folder="products")
    assert (caught.value.status, caught.value.code) == (503, "busy")
    assert store_image(upload(PHOTO), folder="products").width == 40


def test_a_jpeg_of_a_thousand_scans_is_refused(storage: Any) -> None:
    data = encoded(Image.new("RGB", (9, 9)), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    refused(data[:-2] + scan * 1000 + b"\xff\xd9", storage)


def test_a_file_over_the_limit_is_413(settings: Any, storage: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    data = encoded(Image.effect_noise((99, 99), 50), "PNG")
    assert len(data) > 1000
    with pytest.raises(PayloadTooLarge):
        store_image(upload(data), folder="products")
    assert list(storage.rglob("*")) == []


def test_a_thumbnail_is_stored_once(storage: Any) -> None:
    image = store_image(upload(encoded(Image.new("RGB", (400, 200)), "JPEG")), folder="products")
    name = make_thumbnail(image.name, 100)
    assert Image.open(storage / name).size == (100, 50)
    assert make_thumbnail(image.name, 100) == name
    assert len(list(storage.rglob("*_100.jpg"))) == 1


def test_deleting_a_picture_twice_is_no_error(storage: Any) -> None:
    image = store_image(upload(encoded(Image.new("RGB", (700, 4)), "JPEG")), folder="products")
    assert len(list(storage.rglob("*.*"))) == 6
    delete_image(image.name)
    delete_image(image.name)
    delete_image("")
    assert list(storage.rglob("*.*")) == []
    assert public_url("") is None


def test_a_full_disk_is_503(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "save", full)
    with pytest.raises(Unavailable):
        store_image(upload(encoded(Image.new("RGB", (4, 4)), "JPEG")), folder="products")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *extra: bytes) -> bytes:
    """A PNG whose pixels are all there, packed to nearly nothing."""
    packer = zlib.compressobj(1)
    row = b"\x00" * (width + 1)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_decompression_bombs_are_refused_with_little_memory(tmp_path: Path) -> None:
    """In a process of its own: each bomb would need gigabytes; refused, it needs next to none."""
    text = zlib.compress(b"\x00" * 200_000_000, 1)
    bombs = {
        "pixels.png": png(20_000, 20_000),
        "text.png": png(9, 9, png_chunk(b"zTXt", b"note\x00\x00" + text)),
        "profile.png": png(9, 9, png_chunk(b"iCCP", b"icc\x00\x00" + text)),
        "claimed.png": png(9, 9).replace(struct.pack(">II", 9, 9), struct.pack(">II", 2**31 - 1, 2**31 - 1)),
        "claimed.jpg": encoded(Image.new("L", (16, 16)), "JPEG").replace(
            b"\x00\x10\x00\x10\x01", b"\xff\xff\xff\xff\x01"
        ),
    }
    for name, data in bombs.items():
        (tmp_path / name).write_bytes(data)
    code = """
        import os, resource, sys
        os.environ["DJANGO_SETTINGS_MODULE"] = "soukloop.settings"
        import django
        django.setup()
        from django.core.files.uploadedfile import SimpleUploadedFile
        from soukloop.core.errors import BadRequest
        from soukloop.core.images import store_image
        for path in sys.argv[1:]:
            try:
                store_image(SimpleUploadedFile("a.png", open(path, "rb").read()), folder="bombs")
            except BadRequest as error:
                decoder = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
                own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # with which a child begins
                print(error.code, decoder < own + 32 * 1024)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *sorted(str(tmp_path / name) for name in bombs)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (30, 30)),
    )
    assert result.stdout.splitlines() == ["image_invalid True"] * len(bombs), result.stderr


def test_only_the_first_frame_of_an_animation_is_decoded() -> None:
    frames = [Image.new("RGB", (300, 300), colour) for colour in ("red", "green", "blue")]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        image = store_image(upload(data), folder="products")
        picture = stored(image)
        assert getattr(picture, "n_frames", 1) == 1
        assert pixel(picture, (150, 150))[0] > 200
