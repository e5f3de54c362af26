"""Replays in a bucket of a local S3-compatible server."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from accounts.services.moderation import ban_user, unban_user
from accounts.tests.factories import make_staff
from livestream.media import recordings
from livestream.media.addresses import MediaAddresses
from livestream.models import Replay
from livestream.services import replays, streams
from livestream.tests.factories import make_live_stream, make_publisher
from livestream.tests.media import MediaServerProcess, probe, record
from soukloop.realtime.testing.servers import ServerProcess, free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.media]

BUCKET = "soukloop-test"
CREDENTIALS = {"region_name": "me-central-1", "access_key": "test", "secret_key": "test"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, settings: Any, tmp_path: Any) -> Any:
    """Store replays in a publicly readable bucket, as `MEDIA_STORAGE=s3` does."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=CREDENTIALS["region_name"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):  # by an earlier test
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": CREDENTIALS["region_name"]}
        )
    readable = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    policy = {"Version": "2012-10-17", "Statement": [readable]}
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    options = {
        **CREDENTIALS,
        "bucket_name": BUCKET,
        "endpoint_url": endpoint,
        "addressing_style": "path",
        "querystring_auth": False,
        "location": "vods",
        "file_overwrite": True,
    }
    storage = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "replays": storage}
    settings.MEDIA_ROOT = tmp_path
    settings.MEDIA_CONTROL_URL = "http://127.0.0.1:9"
    recordings.folder().mkdir()
    return client


def test_a_replay_plays_from_the_bucket(
    web: ServerProcess, media_process: MediaServerProcess, bucket: Any, endpoint: str
) -> None:
    stream = make_live_stream()
    make_publisher(stream)
    record(recordings.folder() / f"{stream.public_id}-1700000000.flv", 8)
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    replays.make_replay(stream_id=stream.pk)
    assert Replay.objects.get().state == "ready"
    names = {one["Key"] for one in bucket.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert names >= {
        f"vods/{stream.public_id}.m3u8",
        f"vods/{stream.public_id}/00000.m4s",
        f"vods/{stream.public_id}/video.mp4",
        f"vods/{stream.public_id}/poster.jpg",
    }
    types = {name: bucket.head_object(Bucket=BUCKET, Key=name)["ContentType"] for name in names}
    assert types[f"vods/{stream.public_id}.m3u8"] == "application/vnd.apple.mpegurl"
    assert types[f"vods/{stream.public_id}/00000.m4s"] == "video/iso.segment"
    # Viewers get it from the media server, which checks whether they may.
    media_process.stop()
    media_process.start(web.url, REPLAY_URL=f"{endpoint}/{BUCKET}/vods/")
    video = MediaAddresses(stream.public_id, viewer_id=None)
    played = probe(video.vod)
    assert played["codecs"] == ["aac", "h264"]
    assert played["seconds"] == pytest.approx(8, abs=0.5)
    with urllib.request.urlopen(video.poster) as answer:
        assert answer.read(2) == b"\xff\xd8"
        assert answer.headers.get_all("Cache-Control") == ["public, max-age=300"]
    part = urllib.request.Request(video.mp4, headers={"Range": "bytes=4-7"})
    with urllib.request.urlopen(part) as answer:
        assert (answer.status, answer.read()) == (206, b"ftyp")
    for missing in (
        video.mp4.replace("video.mp4", "none.mp4"),
        f"{media_process.environment['MEDIA_URL']}vods/",
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(missing)
        assert refused.value.headers["Cache-Control"] == "no-store"
    assert recordings.of_stream(stream.public_id) == []


def test_a_withdrawn_replay_leaves_the_bucket_and_comes_back(bucket: Any, run_jobs: Any) -> None:
    stream = make_live_stream()
    make_publisher(stream)
    record(recordings.folder() / f"{stream.public_id}-1700000000.flv", 2)
    streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    run_jobs()

    def names() -> set[str]:
        found = bucket.list_objects_v2(Bucket=BUCKET, Prefix=f"vods/{stream.public_id}")
        return {one["Key"] for one in found.get("Contents", [])}

    before = names()
    assert len(before) >= 5
    staff = make_staff()
    ban_user(actor=staff, user_id=stream.seller_id, reason="Fraud")
    run_jobs()
    assert names() == set()
    unban_user(actor=staff, user_id=stream.seller_id, reason="A mistake")
    run_jobs()
    assert names() == before
    assert Replay.objects.get().state == "ready"
