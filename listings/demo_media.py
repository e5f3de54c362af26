"""Pictures and a video of the demo products, drawn when they are needed."""

import io
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw

from accounts.models import User
from listings.media import stored, transcoding
from listings.services.images import upload_image
from soukloop.core.errors import DomainError
from soukloop.core.images import store_picture
from soukloop.core.media.sandbox import FfmpegError

logger = logging.getLogger(__name__)

_WIDTH, _HEIGHT = 600, 800
_VIDEO_FOLDER = "demo/video"
_SECONDS_EACH = 1.0  # of each picture in the video
_PICTURES_IN_VIDEO = 3
_FFMPEG_SECONDS_MAX = 30

# What is drawn of each category, in percent of the picture: the shape, its corners, its colour.
_Shape = tuple[str, tuple[float, ...], str]
_SHAPES: dict[str, Sequence[_Shape]] = {
    "sneakers": (
        ("polygon", (18, 42, 38, 40, 62, 54, 80, 57, 84, 64, 18, 64), "#c8102e"),
        ("rectangle", (18, 64, 84, 69), "#ffffff"),
        ("polygon", (30, 50, 50, 58, 66, 58, 46, 61), "#111111"),
    ),
    "electronics": (
        ("rectangle", (32, 24, 68, 78), "#1f2933"),
        ("rectangle", (35, 29, 65, 73), "#7cc4fa"),
        ("ellipse", (47, 74, 53, 77), "#cbd2d9"),
    ),
    "perfumes_oud": (
        ("rectangle", (34, 44, 66, 76), "#b7791f"),
        ("rectangle", (44, 36, 56, 44), "#744210"),
        ("ellipse", (42, 26, 58, 37), "#ecc94b"),
    ),
    "gaming": (
        ("ellipse", (16, 42, 46, 68), "#2d3748"),
        ("ellipse", (54, 42, 84, 68), "#2d3748"),
        ("rectangle", (32, 43, 68, 58), "#2d3748"),
        ("ellipse", (25, 49, 35, 57), "#a0aec0"),
        ("ellipse", (66, 49, 74, 55), "#e53e3e"),
    ),
    "home_furniture": (
        ("rectangle", (16, 46, 84, 51), "#8b5a2b"),
        ("rectangle", (21, 51, 26, 74), "#6b4423"),
        ("rectangle", (74, 51, 79, 74), "#6b4423"),
    ),
    "baby_kids": (
        ("ellipse", (16, 48, 44, 69), "#2b6cb0"),
        ("ellipse", (21, 52, 39, 65), "#bee3f8"),
        ("ellipse", (56, 48, 84, 69), "#2b6cb0"),
        ("ellipse", (61, 52, 79, 65), "#bee3f8"),
        ("polygon", (30, 57, 42, 42, 66, 42, 70, 58, 66, 58, 63, 45, 44, 45, 33, 59), "#e53e3e"),
    ),
    "sports_outdoors": (
        ("polygon", (50, 30, 86, 70, 14, 70), "#dd6b20"),
        ("polygon", (50, 44, 62, 70, 38, 70), "#7b341e"),
    ),
    "trading_cards": (
        ("rectangle", (22, 32, 52, 66), "#3182ce"),
        ("rectangle", (36, 36, 66, 70), "#e53e3e"),
        ("rectangle", (50, 40, 80, 74), "#f6e05e"),
        ("ellipse", (57, 49, 73, 61), "#d69e2e"),
    ),
    "watches_jewelry": (
        ("rectangle", (42, 18, 58, 82), "#4a5568"),
        ("ellipse", (28, 36, 72, 66), "#a0aec0"),
        ("ellipse", (33, 39, 67, 63), "#1a365d"),
        ("polygon", (49, 43, 51, 43, 51, 51, 60, 55, 59, 56, 49, 52), "#ffffff"),
    ),
    "luxury_fashion": (
        ("ellipse", (32, 28, 68, 60), "#d69e2e"),
        ("ellipse", (36, 31, 64, 58), "#fff5f7"),
        ("polygon", (20, 46, 80, 46, 85, 74, 15, 74), "#1a202c"),
        ("ellipse", (46, 52, 54, 58), "#d69e2e"),
    ),
    "collectibles_art": (
        ("rectangle", (22, 24, 78, 76), "#744210"),
        ("rectangle", (27, 28, 73, 72), "#fffaf0"),
        ("polygon", (34, 46, 44, 58, 60, 56, 67, 40, 65, 61, 44, 64), "#1a202c"),
        ("ellipse", (48, 66, 51, 68), "#1a202c"),
    ),
}
_BACKGROUNDS = ("#fefcbf", "#e6fffa", "#ebf8ff", "#fff5f7", "#f0fff4", "#faf5ff")


class DemoVideo(NamedTuple):
    url: str
    poster_url: str


def store_demo_picture(*, seller: User, category: str, number: int) -> str:
    """Draw a picture of a category and store it as one that the seller uploads; return its URL."""
    drawn = draw(category, background=_BACKGROUNDS[number % len(_BACKGROUNDS)])
    return upload_image(actor=seller, upload=SimpleUploadedFile("demo.jpg", drawn)).url


def store_demo_video(categories: Sequence[str]) -> DemoVideo | None:
    """Store a video of three seconds that shows the categories; None if that fails, as without ffmpeg."""
    work = Path(settings.MEDIA_ROOT) / "work"
    try:
        work.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="demo-video-", dir=work))
        try:
            return _store_video(folder, categories)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except (OSError, subprocess.SubprocessError, FfmpegError, transcoding.VideoRefused, DomainError) as error:
        logger.warning("the demo products have no video: %s", error)
        return None


def draw(category: str, *, background: str) -> bytes:
    """Return a JPEG."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), background)
    canvas = ImageDraw.Draw(image)
    canvas.ellipse((_WIDTH * 0.15, _HEIGHT * 0.72, _WIDTH * 0.85, _HEIGHT * 0.8), fill="#d9d9d9")
    for shape, corners, colour in _SHAPES[category]:
        sides = (_WIDTH, _HEIGHT)
        points = [corner * sides[index % 2] / 100 for index, corner in enumerate(corners)]
        getattr(canvas, shape)(points, fill=colour)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def _store_video(folder: Path, categories: Sequence[str]) -> DemoVideo:
    film = _film(folder, categories)
    made_in = folder / "made"
    made_in.mkdir()
    made = transcoding.make(film, transcoding.read_source(film), made_in, report=lambda percent: None)
    poster = store_picture(made.poster.read_bytes(), folder=_VIDEO_FOLDER)
    stored.save(made.files, _VIDEO_FOLDER)
    return DemoVideo(default_storage.url(f"{_VIDEO_FOLDER}/{stored.PLAYLIST}"), poster.url)


def _film(folder: Path, categories: Sequence[str]) -> Path:
    """Make an MP4 in which the pictures follow each other, with a tone."""
    for number, category in enumerate(categories[:_PICTURES_IN_VIDEO]):
        picture = draw(category, background=_BACKGROUNDS[number % len(_BACKGROUNDS)])
        (folder / f"frame-{number}.jpg").write_bytes(picture)
    film = folder / "film.mp4"
    command = (
        *("ffmpeg", "-nostdin", "-v", "error", "-y", "-framerate", str(1 / _SECONDS_EACH)),
        *("-i", str(folder / "frame-%d.jpg"), "-f", "lavfi", "-i", "sine=frequency=330"),
        *("-vf", "scale=360:-2,fps=15", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-t", str(_PICTURES_IN_VIDEO * _SECONDS_EACH), str(film)),
    )
    subprocess.run(command, check=True, capture_output=True, timeout=_FFMPEG_SECONDS_MAX)
    film.chmod(0o644)  # ffmpeg reads it under another account
    return film
