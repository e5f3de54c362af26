"""Decode, turn upright, shrink and re-encode one picture, in a process of its own that ends afterwards.

Run as a program: the picture comes on standard input, the limits as JSON in the first argument. The answer
on standard output is a line of JSON, `{"extension", "width", "height", "blurhash", "files"}` or `{"error",
"params"}`, and after it the encoded files, one behind the other: `files` is a list of `[suffix, length]`,
first of the picture itself, then of its smaller sizes. It imports nothing of the project, so that it starts
in a tenth of a second.

The process gives its memory back when it ends, has less priority than those that answer requests, and takes
nothing else down if a library for untrusted files crashes.
"""

import hashlib
import io
import json
import os
import resource
import struct
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from PIL import ExifTags, Image, ImageCms, ImageFile

_MEMORY_MAX = 3 * 2**30  # of addresses, which are more than what is used
_CPU_SECONDS_MAX = 20
_NICENESS = 10
_BAND = 256  # rows that are converted at a time; even, so that pairs of rows stay together
# Decoding passes over every pixel once per scan; cameras and editors write about ten.
_JPEG_SCANS_MAX = 50
_END_OF_JPEG = b"\xff\xd9"
_BLURHASH_SIDE = 32  # pixels; it keeps a dozen frequencies of them
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated by the process that waits for the answer."""
    return text


class Refused(Exception):
    """The picture is not accepted, and the text says why, with `%(name)s` for each of `params`."""

    def __init__(self, text: str, **params: int) -> None:
        super().__init__(text)
        self.params = params


class Encoded(NamedTuple):
    """A picture: `files` has the suffix of each file's name and its contents, the picture itself first."""

    extension: str
    width: int
    height: int
    blurhash: str
    files: list[tuple[str, bytes]]


def reencode(
    data: bytes, *, side: int, pixels_max: int, webp_pixels_max: int, widths: Sequence[int]
) -> Encoded:
    """Return the picture as JPEG, or as WebP if it has transparency, with a WebP and a JPEG of each width.

    It fits a square of `side` pixels, is upright and in sRGB, and contains nothing of the file but pixels.
    Without `widths`, which are in descending order, it has no blurhash either. Raises Refused.
    """
    try:
        opened = Image.open(io.BytesIO(data), formats=_formats(data))  # reads only the header
        if opened.format == "WEBP":
            pixels_max = min(pixels_max, webp_pixels_max)
        if opened.width * opened.height > pixels_max:
            raise Refused(
                _("A picture may have at most %(millions)s million pixels."), millions=pixels_max // 1_000_000
            )
        if opened.format == "JPEG":
            _check_jpeg(data)
        opened.close()
        picture = _decoded(data, side)
        extension = "webp" if picture.mode == "RGBA" else "jpg"
        files = [(f".{extension}", _encoded(picture, extension, quality=85))]
        blurhash = _blurhash(picture) if widths else ""
        return Encoded(extension, *picture.size, blurhash, files + _sizes(picture, extension, widths))
    except Refused:
        raise
    # Pillow raises many kinds of errors for malicious files: OSError, SyntaxError, struct.error, …
    except Exception as error:
        raise Refused(_("This is not a valid JPEG, PNG, WebP or HEIC picture.")) from error


def _sizes(picture: Image.Image, extension: str, widths: Sequence[int]) -> list[tuple[str, bytes]]:
    """Return the files of the widths up to the picture's own, at which only the other format is needed."""
    files: list[tuple[str, bytes]] = []
    largest = picture.width
    for width in sorted({min(width, largest) for width in widths}, reverse=True):
        if width < picture.width:  # of the last size, which is faster than of the whole picture
            height = max(1, round(picture.height * width / picture.width))
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        kinds = [kind for kind in ("webp", "jpg") if width < largest or kind != extension]
        files += [(f"_{width}.{kind}", _encoded(picture, kind, quality=80)) for kind in kinds]
    return files


def _encoded(picture: Image.Image, extension: str, *, quality: int) -> bytes:
    output = io.BytesIO()
    if extension == "webp":
        # The default method, 4, takes three times as long for files of the same size.
        picture.save(output, "WEBP", quality=quality, method=2)
    else:
        _on_white(picture).save(output, "JPEG", quality=quality, optimize=True)
    return output.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture)
    return white


def _blurhash(picture: Image.Image) -> str:
    import blurhash  # noqa: PLC0415 - a thumbnail needs none

    tiny = _on_white(picture).copy()
    tiny.thumbnail((_BLURHASH_SIDE, _BLURHASH_SIDE), Image.Resampling.BOX)
    rows = [[tiny.getpixel((x, y)) for x in range(tiny.width)] for y in range(tiny.height)]
    horizontal, vertical = (4, 3) if tiny.width >= tiny.height else (3, 4)
    return str(blurhash.encode(rows, horizontal, vertical))


def _decoded(data: bytes, side: int) -> Image.Image:
    """Decode the first frame to RGB or RGBA in sRGB, shrunk and upright."""
    with _loaded(data, side) as full:
        orientation = _orientation(full)
        profile = _profile(full.info.get("icc_profile"))
        picture = _shrunk(full, side)
    picture = _in_srgb(picture, profile)
    transposition = _TRANSPOSITIONS.get(orientation)
    return picture if transposition is None else picture.transpose(transposition)


def _formats(data: bytes) -> list[str]:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        import pillow_heif  # noqa: PLC0415 - most pictures don't need it, and it takes 30 ms

        pillow_heif.register_heif_opener(thumbnails=False)
        return ["HEIF"]
    return ["JPEG", "PNG", "WEBP"]


def _check_jpeg(data: bytes) -> None:
    """Refuse a JPEG of too many scans. What looks like scans in a video behind the picture does not count."""
    if sum(1 for scan in _scans(data)) > _JPEG_SCANS_MAX:
        raise Refused(_("This JPEG has too many scans."))


def _scans(data: bytes) -> Iterator[int]:
    """Yield where the first picture's scans begin."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)
            if at < 0:
                return
        marker = data[at + 1]
        if marker == 0xD9:
            return
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xDA:
            yield at
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        if marker == 0xDA:
            at = _end_of_scan(data, at)


def _end_of_scan(data: bytes, at: int) -> int:
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] != 0x00 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _open_and_load(data: bytes, side: int) -> ImageFile.ImageFile:
    opened = Image.open(io.BytesIO(data), formats=_formats(data))
    opened.draft(None, (side, side))  # decodes a large JPEG at a fraction of its size
    opened.load()
    return opened


def _loaded(data: bytes, side: int) -> ImageFile.ImageFile:
    """Decode all pixels; that a JPEG lacks its end marker is no fault, that it lacks pixels is."""
    try:
        return _open_and_load(data, side)
    except OSError as error:
        if "truncated" not in str(error) or not data.startswith(b"\xff\xd8"):
            raise
    # With an end marker libjpeg makes up what is missing. If pixels are, other bytes before the marker become
    # other pixels; if none are, they are skipped.
    data = data.rstrip(b"\xff")
    with _open_and_load(data + b"\x55\xaa" * 1000 + _END_OF_JPEG, side) as other:
        digest = hashlib.sha256(other.tobytes()).digest()
    picture = _open_and_load(data + _END_OF_JPEG, side)
    if hashlib.sha256(picture.tobytes()).digest() != digest:
        raise Refused(_("This picture is incomplete: its file ends too early."))
    return picture


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture in a mode for colour conversion, fitting a square of `side` pixels.

    Large ones are averaged down first, a band of rows at a time, since a converted copy of 48 million pixels
    would take another 190 MB.
    """
    factor = max(1, int(max(picture.size) / (1.15 * side)))  # the rest is left to a filter of higher quality
    target: Image.Image | None = None
    size = (-(-picture.width // factor), -(-picture.height // factor))
    band = _BAND * factor
    for top in range(0, picture.height, band):
        rows = picture.crop((0, top, picture.width, min(top + band, picture.height)))
        rows.info = picture.info
        rows = _normalized(rows)
        rows = rows.reduce(factor) if factor > 1 else rows
        if target is None:
            target = Image.new(rows.mode, size)  # a new picture has no EXIF, no profile, no text
        target.paste(rows, (0, top // factor))
    assert target is not None
    target.thumbnail((side, side), Image.Resampling.LANCZOS)
    return target


def _normalized(rows: Image.Image) -> Image.Image:
    """Convert to one of L, RGB, RGBA and CMYK, without changing colours."""
    if rows.mode.startswith("I"):  # 16-bit greyscale; a direct conversion would clip it to white
        return rows.convert("I").point(lambda grey: grey / 257).convert("L")
    if rows.has_transparency_data:
        return rows.convert("RGBA")
    if rows.mode in ("L", "RGB", "CMYK"):
        return rows
    return rows.convert("L" if rows.mode == "1" else "RGB")


_COLOUR_SPACES = {"RGB": ("RGB", "RGBA"), "GRAY": ("L",), "CMYK": ("CMYK",)}


def _profile(data: Any) -> ImageCms.ImageCmsProfile | None:
    """Open an embedded profile; a broken one does not make the picture unusable."""
    if not isinstance(data, bytes) or not data:
        return None
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(data))
    except Exception:
        return None


def _in_srgb(picture: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Image.Image:
    """Return the picture in sRGB as RGB or RGBA. Without a profile RGB is taken for sRGB."""
    if profile is not None:
        space = profile.profile.xcolor_space.strip()
        try:
            if space == "RGB" and picture.mode == "L":
                picture = picture.convert("RGB")  # a grey picture saved with the profile of its screen
            if picture.mode in _COLOUR_SPACES.get(space, ()):
                return _converted(picture, profile)
        except Exception as error:  # the profile opens, but lacks what a conversion needs
            print(f"profile ignored: {error}", file=sys.stderr)
    return picture if picture.mode in ("RGB", "RGBA") else picture.convert("RGB")


def _converted(picture: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    opaque = picture.convert("RGB") if alpha else picture
    transform = ImageCms.buildTransform(profile, srgb, opaque.mode, "RGB", intent, flags)
    converted = transform.apply(opaque)
    if alpha:
        converted.putalpha(alpha)
    converted.info = {}
    return converted


def _orientation(picture: Image.Image) -> int:
    if picture.format == "HEIF":  # its decoder has turned it already
        return 1
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a broken EXIF block does not make the picture unusable
        return 1


_TRANSPOSITIONS = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def main() -> None:
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX, _MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS_MAX, _CPU_SECONDS_MAX))
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # `pixels_max` is the limit
    limits = json.loads(sys.argv[1])
    answer: dict[str, Any]
    try:
        encoded = reencode(sys.stdin.buffer.read(), **limits)
        contents = b"".join(content for _, content in encoded.files)
        files = [[suffix, len(content)] for suffix, content in encoded.files]
        answer = encoded._replace(files=[])._asdict() | {"files": files}
    except Refused as refusal:
        contents, answer = b"", {"error": str(refusal), "params": refusal.params}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + contents)


if __name__ == "__main__":
    main()
