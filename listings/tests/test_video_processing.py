"""What is made of uploaded videos, with real ffmpeg; what can't be used; what a kill leaves."""

import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tests.factories import client_for, make_seller
from listings import tasks
from listings.media import received, stored, transcoding
from listings.models import Product, VideoUpload
from listings.services import video_processing
from listings.tests.bodies import DISCOVER_BODY
from listings.tests.factories import make_ready_video, make_video
from listings.tests.tus import TusClient
from listings.tests.video_files import H264, SOUND, encode
from soukloop.core.media import checks
from soukloop.core.media.sandbox import FfmpegInterrupted

pytestmark = [pytest.mark.django_db, pytest.mark.media]
BASE = "http://localhost:8080/uploads/"


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "uploads"), "base_url": BASE},
        }
    }
    return tmp_path


@pytest.fixture(scope="module")
def source_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with short videos, by name."""
    folder = tmp_path_factory.mktemp("videos")
    for size, name in (("640x480", "lying.mp4"), ("180x320", "standing.mp4")):
        encode(folder / name, "-f", "lavfi", "-i", f"testsrc=size={size}:rate=15", *SOUND, "-t", "2", *H264)
    return folder


def waiting_video(data: bytes, **fields: Any) -> VideoUpload:
    video = make_video(state="waiting", size=len(data), received=len(data), **fields)
    received.create(video.pk)
    received.path_of(video.pk).write_bytes(data)
    return video


def process(video: VideoUpload) -> VideoUpload:
    tasks.process_video(video_id=str(video.pk), owner_id=str(video.owner_id))
    video.refresh_from_db()
    return video


def stored_bytes(url: str) -> bytes:
    with default_storage.open(url.removeprefix(BASE)) as file:
        return bytes(file.read())


def resolutions(video: VideoUpload) -> list[str]:
    return re.findall(r"RESOLUTION=(\S+?),", stored_bytes(video.url).decode())


def names_in_playlists(video: VideoUpload) -> set[str]:
    """Return the names of files in the playlists; each file is there."""
    names: set[str] = set()
    to_read = ["index.m3u8"]
    while to_read:
        text = stored_bytes(video.url.replace("index.m3u8", to_read.pop())).decode()
        found = re.findall(r'URI="([^"]+)"', text) + re.findall(r"^[^#\s].*$", text, re.MULTILINE)
        to_read += [name for name in found if name.endswith(".m3u8")]
        names.update(found)
    assert all(stored_bytes(video.url.replace("index.m3u8", name)) for name in names)
    return names


def test_a_video_is_uploaded_processed_and_shown_on_a_product(
    source_videos: Path, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    seller = make_seller()
    client = client_for(seller)
    with django_capture_on_commit_callbacks(execute=True):
        location = TusClient(client).upload((source_videos / "lying.mp4").read_bytes())
    job = ProcrastinateJob.objects.get(task_name="listings.process_video")
    assert job.lock == "listings.video:0"
    with django_capture_on_commit_callbacks(execute=True):
        tasks.process_video(video_id=job.args["video_id"], owner_id=job.args["owner_id"])
    shown = client.get(location).json()["data"]
    video = VideoUpload.objects.get()
    assert (shown["status"], shown["progress"], shown["error"]) == ("ready", 100, None)
    assert shown["duration"] == pytest.approx(2, abs=0.3)
    assert shown["video_url"] == video.url == f"{BASE}videos/{seller.pk}/{video.pk.hex}/index.m3u8"
    assert [size["width"] for size in shown["image"]["sizes"]] == [320, 640]
    statuses = [payload["status"] for _, event, payload in captured_events if event == "video:progress"]
    # Progress is told every two seconds, so on a busy machine more than once.
    assert [status for status, _ in groupby(statuses)] == ["waiting", "processing", "ready"]
    assert captured_events[-1][2]["videoUrl"] == video.url
    assert not received.path_of(video.pk).exists()

    assert resolutions(video) == ["640x480", "480x360"]
    for playlist in ("480.m3u8", "360.m3u8"):
        text = stored_bytes(video.url.replace("index.m3u8", playlist)).decode()
        assert "#EXT-X-PLAYLIST-TYPE:VOD" in text
        assert "#EXT-X-ENDLIST" in text
        names = re.findall(r'URI="([^"]+)"', text) + re.findall(r"^\S+\.m4s$", text, re.MULTILINE)
        chunks = (stored_bytes(video.url.replace("index.m3u8", name)) for name in names)
        assert checks.decode_errors(chunks, folder=source_videos, seconds=2) == ""

    created = client.post(
        "/api/v1/products", DISCOVER_BODY | {"video_url": video.url, "video_thumbnail_url": ""}
    )
    assert created.status_code == 201
    product = created.json()["data"]
    assert product["video_url"] == video.url
    assert product["video_thumbnail_url"] == product["thumbnail_url"] == shown["thumbnail_url"]


def test_a_standing_video_of_a_phone_is_not_enlarged(source_videos: Path) -> None:
    video = process(waiting_video((source_videos / "standing.mp4").read_bytes()))
    assert video.state == "ready"
    assert resolutions(video) == ["180x320"]
    assert names_in_playlists(video) == {"180.m3u8", "180-init.mp4", "180-00000.m4s"}
    # A `%` in an address that isn't followed by two digits is refused by servers.
    playlist = stored_bytes(video.url.replace("index.m3u8", "180.m3u8")).decode()
    assert 'URI="180-init.mp4"' in playlist
    assert stored_bytes(video.url.replace("index.m3u8", "180-init.mp4"))


def test_a_video_of_one_picture_is_accepted(tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-frames:v", "1", *H264)
    video = process(waiting_video(encode(tmp_path / "one.mp4", *picture).read_bytes()))
    assert (video.state, video.error) == ("ready", "")
    assert video.poster


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-t", "1", "-i", "testsrc=size=320x240:rate=10", "-vf", "setsar=2", *H264)
    video = process(waiting_video(encode(tmp_path / "wide.mp4", *picture).read_bytes()))
    assert resolutions(video) == ["640x240"]


def test_a_second_sound_track_may_be_longer_than_the_picture(tmp_path: Path) -> None:
    sources: tuple[str, ...] = ("-f", "lavfi", "-t", "1", "-i", "testsrc=size=320x240:rate=10")
    for seconds in ("1", "6"):
        sources += ("-f", "lavfi", "-t", seconds, "-i", "sine=frequency=440")
    maps = ("-map", "0:v", "-map", "1:a", "-map", "2:a", "-c:a", "aac")
    video = process(waiting_video(encode(tmp_path / "two.mp4", *sources, *maps, *H264).read_bytes()))
    assert (video.state, video.error) == ("ready", "")
    assert video.duration_seconds == pytest.approx(1, abs=0.5)


def test_the_last_picture_is_shown_while_the_sound_goes_on(tmp_path: Path) -> None:
    picture = ("-f", "lavfi", "-t", "1", "-i", "testsrc=size=320x240:rate=10")
    sound = ("-f", "lavfi", "-t", "6", "-i", "sine=frequency=440", "-c:a", "aac")
    source = encode(tmp_path / "song.mp4", *picture, *sound, *H264)
    video = process(waiting_video(source.read_bytes()))
    assert (video.state, video.error) == ("ready", "")
    assert video.duration_seconds == pytest.approx(6, abs=0.5)


def test_a_video_without_sound_in_webm_is_accepted(tmp_path: Path) -> None:
    source = encode(
        tmp_path / "silent.webm",
        *(
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=320x240:rate=10",
            "-t",
            "1",
            "-c:v",
            "libvpx",
            "-deadline",
            "realtime",
        ),
    )
    video = process(waiting_video(source.read_bytes()))
    assert (video.state, video.reason) == ("ready", "")
    assert "mp4a" not in stored_bytes(video.url).decode()


def unusable(tmp_path: Path, name: str) -> bytes:
    """Return a file from which no video can be made."""
    target = tmp_path / f"{name}.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=10")
    if name == "sound":
        encode(target, *SOUND, "-t", "1", "-c:a", "aac")
    elif name == "long":
        encode(target, "-f", "lavfi", "-i", "color=size=32x32:rate=1", "-t", "185", *H264)
    elif name == "large":
        encode(target, "-f", "lavfi", "-i", "color=size=4096x2400:rate=1", "-t", "1", *H264)
    elif name == "cut":
        encode(target, *picture, "-t", "2", *H264, "-movflags", "faststart")
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    else:
        contents = {
            "text": b"#EXTM3U\nfile:///etc/passwd\n",
            "zeros": bytes(1000),
            "box": b"\0\0\0\x18ftypmp42",
        }
        target.write_bytes(contents[name])
    return target.read_bytes()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text", "unsupported_format"),
        ("zeros", "unsupported_format"),
        ("box", "unreadable"),
        ("cut", "unreadable"),
        ("sound", "no_picture"),
        ("long", "too_long"),
        ("large", "too_large"),
    ],
)
def test_a_file_that_is_no_usable_video_fails_with_a_reason(
    tmp_path: Path, name: str, reason: str, django_capture_on_commit_callbacks: Any
) -> None:
    video = waiting_video(unusable(tmp_path, name))
    with django_capture_on_commit_callbacks(execute=True):
        process(video)
    assert (video.state, video.reason) == ("failed", reason)
    error = client_for(video.owner).get(f"/api/v1/uploads/videos/{video.pk}").json()["data"]["error"]
    assert error["code"] == reason
    assert error["message"]
    assert not received.path_of(video.pk).exists()
    assert not (tmp_path / "uploads").exists()
    assert list((tmp_path / "work").iterdir()) == []


def test_a_job_that_was_killed_begins_again(source_videos: Path, media_root: Path) -> None:
    data = (source_videos / "standing.mp4").read_bytes()
    video = waiting_video(data)
    VideoUpload.objects.update(state="processing", attempts=1, progress=40)
    left = media_root / "work" / f"video-{video.pk.hex}"
    left.mkdir(parents=True)
    (left / "9-00000.m4s").write_bytes(b"half a segment")
    folder = media_root / "uploads" / stored.folder_of(video.owner_id, video.pk)
    folder.mkdir(parents=True)
    (folder / "180-00000.m4s").write_bytes(b"half a segment")
    process(video)
    assert (video.state, video.progress) == ("ready", 100)
    assert (folder / "180-00000.m4s").stat().st_size > 1000
    before = sorted(path.name for path in folder.iterdir())
    process(video)  # it may run twice
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_video_with_which_jobs_are_killed_is_given_up(source_videos: Path) -> None:
    video = waiting_video(b"x")
    VideoUpload.objects.update(state="processing", attempts=4)
    process(video)
    assert (video.state, video.reason) == ("failed", "processing_failed")


def test_a_full_disk_is_retried_and_counts_as_no_attempt(
    source_videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = waiting_video((source_videos / "standing.mp4").read_bytes())

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(stored, "save", full)
        with pytest.raises(OSError, match="No space"):
            process(video)
    video.refresh_from_db()
    assert (video.state, video.attempts) == ("processing", 0)
    assert received.path_of(video.pk).exists()
    assert process(video).state == "ready"


def test_an_interrupted_ffmpeg_is_retried(source_videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = waiting_video((source_videos / "standing.mp4").read_bytes())

    def killed(*args: Any, **kwargs: Any) -> Any:
        raise FfmpegInterrupted("killed")

    with monkeypatch.context() as patch:
        patch.setattr(transcoding, "make", killed)
        with pytest.raises(FfmpegInterrupted):
            process(video)
    video.refresh_from_db()
    assert (video.state, video.attempts, video.error) == ("processing", 1, "killed")


def test_a_video_that_is_deleted_meanwhile_leaves_no_files(
    source_videos: Path, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = waiting_video((source_videos / "standing.mp4").read_bytes())
    save = stored.save

    def save_and_delete(*args: Any) -> None:
        save(*args)
        VideoUpload.objects.all().delete()

    monkeypatch.setattr(stored, "save", save_and_delete)
    tasks.process_video(video_id=str(video.pk), owner_id=str(video.owner_id))
    assert not received.path_of(video.pk).exists()
    assert [path for path in (media_root / "uploads").rglob("*") if path.is_file()] == []


def test_progress_is_told_from_time_to_time(
    source_videos: Path,
    monkeypatch: pytest.MonkeyPatch,
    captured_events: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(video_processing, "_PROGRESS_SECONDS", 0.0)
    video = make_video(state="processing", received=1000)
    with django_capture_on_commit_callbacks(execute=True):
        report = video_processing._Reporter(video)
        for percent in (0, 10, 10, 5, 40):
            report(percent)
    assert [payload["progress"] for _, _, payload in captured_events] == [10, 40]
    monkeypatch.setattr(video_processing, "_PROGRESS_SECONDS", 60.0)
    report(80)
    video.refresh_from_db()
    assert video.progress == 40


class TestVideosOfProducts:
    def create(self, seller: Any, url: str, **fields: Any) -> Any:
        body = DISCOVER_BODY | {"video_url": url, "video_thumbnail_url": None} | fields
        return client_for(seller).post("/api/v1/products", body)

    @pytest.mark.parametrize("state", ["uploading", "waiting", "processing", "failed"])
    def test_a_video_that_is_not_ready_is_refused(self, state: str) -> None:
        received_bytes = 0 if state == "uploading" else 1000
        reason = "unreadable" if state == "failed" else ""
        video = make_video(state=state, received=received_bytes, reason=reason)
        answer = self.create(video.owner, video.url)
        assert answer.status_code == 400
        assert list(answer.json()["error"]["details"]) == ["video_url"]
        assert not Product.objects.exists()

    def test_the_video_of_another_seller_or_another_file_of_ones_own_is_refused(self) -> None:
        video = make_ready_video()
        assert self.create(make_seller(), video.url).status_code == 400
        others = (f"{BASE}videos/x/y/index.m3u8", f"{BASE}videos/index.m3u8")
        for url in (video.url.replace("index", "360"), *others):
            assert self.create(video.owner, url).status_code == 400, url
        assert not Product.objects.exists()

    def test_an_own_thumbnail_is_kept(self) -> None:
        video = make_ready_video()
        url = "https://example.com/own.jpg"
        answer = self.create(video.owner, video.url, video_thumbnail_url=url)
        assert answer.json()["data"]["video_thumbnail_url"] == url

    def test_another_video_brings_its_own_thumbnail(self) -> None:
        first = make_ready_video()
        second = make_ready_video(owner=first.owner, poster="videos/second.jpg")
        product = self.create(first.owner, first.url).json()["data"]
        assert product["video_thumbnail_url"] == f"{BASE}videos/poster.jpg"
        client = client_for(first.owner)
        changed = client.patch(f"/api/v1/products/{product['id']}", {"video_url": second.url}).json()["data"]
        assert changed["video_thumbnail_url"] == f"{BASE}videos/second.jpg"
        changed = client.patch(f"/api/v1/products/{product['id']}", {"price": 5}).json()["data"]
        assert changed["video_thumbnail_url"] == f"{BASE}videos/second.jpg"
