"""Pictures and videos in a bucket of a local S3-compatible server."""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from listings import tasks
from listings.media import received
from listings.models import VideoUpload
from listings.tests.factories import make_video
from listings.tests.video_files import H264, SOUND, encode
from soukloop.core.images import delete_image, picture
from soukloop.realtime.testing.servers import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.media]
BUCKET = "soukloop-uploads"
REGION = "me-central-1"


@pytest.fixture
def bucket(settings: Any, tmp_path: Path) -> Iterator[Any]:
    """Store uploads in a bucket, as `MEDIA_STORAGE=s3` does."""
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **access)
    client.create_bucket(
        Bucket=BUCKET, ACL="public-read", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    options = {
        "bucket_name": BUCKET,
        "endpoint_url": f"http://{host}:{port}",
        "region_name": REGION,
        "access_key": "test",
        "secret_key": "test",
        "addressing_style": "path",
        "querystring_auth": False,
        "file_overwrite": False,
        "default_acl": "public-read",
    }
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    }
    settings.MEDIA_ROOT = tmp_path
    yield client
    server.stop()


def names(client: Any) -> list[str]:
    return [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_a_video_and_its_poster_are_in_the_bucket_until_it_is_deleted(bucket: Any, tmp_path: Path) -> None:
    source = encode(
        tmp_path / "a.mp4",
        *("-f", "lavfi", "-i", "testsrc=size=180x320:rate=10", *SOUND, "-t", "1", *H264),
    )
    data = source.read_bytes()
    video = make_video(state="waiting", size=len(data), received=len(data))
    arguments = {"video_id": str(video.pk), "owner_id": str(video.owner_id)}
    for _ in range(2):  # the second time, all files are there already
        VideoUpload.objects.update(state="waiting", duration_seconds=None, poster="")
        received.create(video.pk)
        received.path_of(video.pk).write_bytes(data)
        tasks.process_video(**arguments)
    video.refresh_from_db()
    assert video.state == "ready"
    with urllib.request.urlopen(video.url) as answer:
        assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        [playlist] = re.findall(r"^\S+\.m3u8$", answer.read().decode(), re.MULTILINE)
    with urllib.request.urlopen(video.url.replace("index.m3u8", playlist)) as answer:
        segments = re.findall(r"^\S+\.m4s$", answer.read().decode(), re.MULTILINE)
    with urllib.request.urlopen(video.url.replace("index.m3u8", segments[0])) as answer:
        assert answer.headers["Content-Type"] == "video/iso.segment"
    shown = picture(video.poster)
    assert shown is not None
    for url in (shown["url"], shown["sizes"][0]["webp_url"], shown["sizes"][0]["jpeg_url"]):
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
    delete_image(video.poster)
    tasks.delete_video_files(**arguments)
    assert names(bucket) == []
