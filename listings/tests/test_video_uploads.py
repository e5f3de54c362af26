"""Uploads of videos by tus: parts, interruptions, limits, refusals."""

import io
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller, make_user
from listings import tasks
from listings.media import received
from listings.models import VideoUpload
from listings.services import video_cleanup, videos
from listings.tests.factories import make_product, make_ready_video, make_video
from listings.tests.tus import PART, URL, VERSION, TusClient

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def seller() -> Any:
    return make_seller()


@pytest.fixture
def tus(seller: Any) -> TusClient:
    return TusClient(client_for(seller))


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def id_in(location: str) -> UUID:
    return UUID(location.rsplit("/", 1)[-1])


def test_parts_are_appended_and_the_last_one_queues_the_processing(
    tus: TusClient, seller: Any, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    data = bytes(range(256)) * 1000
    with django_capture_on_commit_callbacks(execute=True):
        location = tus.upload(data, part_size=100_000)
    video = VideoUpload.objects.get()
    assert location == f"{URL}/{video.pk}"
    assert received.path_of(video.pk).read_bytes() == data
    assert (video.state, video.received, video.size) == ("waiting", len(data), len(data))
    assert (video.owner_id, video.file_name) == (seller.pk, "video.mp4")
    job = ProcrastinateJob.objects.get(task_name="listings.process_video")
    assert job.args["video_id"] == str(video.pk)
    [(room, event, payload)] = captured_events
    assert (room, event, payload["status"]) == (f"user.{seller.pk}", "video:progress", "waiting")
    shown = tus.client.get(location).json()["data"]
    assert (shown["status"], shown["received"], shown["video_url"]) == ("waiting", len(data), None)


def test_the_protocol_is_described_by_options_and_headers(tus: TusClient) -> None:
    answer = APIClient().options(URL)
    assert answer.status_code == 204
    assert answer["Tus-Resumable"] == answer["Tus-Version"] == "1.0.0"
    assert answer["Tus-Extension"] == "creation,expiration,termination"
    assert answer["Tus-Max-Size"] == str(200 * 2**20)
    begun = tus.begin(10)
    assert begun["Tus-Resumable"] == "1.0.0"
    assert "Upload-Expires" in begun
    assert "Upload-Expires" in tus.client.head(begun["Location"], headers=VERSION)


def test_another_version_of_the_protocol_is_refused(tus: TusClient) -> None:
    version = {"Tus-Resumable": "0.2.2"}
    location = tus.begin(10)["Location"]
    requests = [
        tus.client.post(URL, headers={"Upload-Length": "10"} | version),
        tus.client.generic(
            "PATCH", location, "x", content_type=PART, headers={"Upload-Offset": "0"} | version
        ),
        tus.client.delete(location, headers=version),
    ]
    for answer in requests:
        assert code_of(answer) == (412, "tus_version_unsupported")
        assert answer["Tus-Version"] == "1.0.0"
    assert tus.client.head(location, headers=version).status_code == 412
    assert VideoUpload.objects.get().received == 0


def test_an_interrupted_upload_goes_on_where_the_server_says(tus: TusClient) -> None:
    location = tus.begin(6)["Location"]
    assert tus.append(location, 0, b"abc").status_code == 204
    # A process was killed after it had written, and before it committed.
    with received.path_of(id_in(location)).open("ab") as file:
        file.write(b"lost bytes")
    assert tus.offset(location) == 3
    assert tus.append(location, 3, b"def").status_code == 204
    assert received.path_of(id_in(location)).read_bytes() == b"abcdef"


@pytest.mark.parametrize("offset", ["0", "2", "4"])
def test_a_part_at_another_offset_is_refused(tus: TusClient, offset: str) -> None:
    location = tus.begin(6)["Location"]
    tus.append(location, 0, b"abc")
    answer = tus.append(location, int(offset), b"zz")
    assert code_of(answer) == (409, "video_offset_mismatch")
    assert answer.json()["error"]["details"] == {"offset": 3}
    assert received.path_of(id_in(location)).read_bytes() == b"abc"


def test_a_part_after_the_end_is_refused_and_an_empty_one_changes_nothing(tus: TusClient) -> None:
    location = tus.begin(3)["Location"]
    assert code_of(tus.append(location, 0, b"abcd")) == (413, "payload_too_large")
    assert VideoUpload.objects.get().received == 0
    assert tus.append(location, 0, b"").status_code == 204
    assert tus.append(location, 0, b"abc").status_code == 204
    assert tus.append(location, 3, b"").status_code == 204
    assert ProcrastinateJob.objects.filter(task_name="listings.process_video").count() == 1
    assert code_of(tus.append(location, 0, b"abc")) == (409, "video_offset_mismatch")


@pytest.mark.parametrize("length", ["", "0", "-1", "1.5", "x", "\u0663", "9" * 30])
def test_an_upload_needs_its_length(tus: TusClient, length: str) -> None:
    headers = VERSION | ({"Upload-Length": length} if length else {})
    answer = tus.client.post(URL, headers=headers)
    assert code_of(answer) == (400, "validation_error")
    assert list(answer.json()["error"]["details"]) == ["upload_length"]
    assert not VideoUpload.objects.exists()


def test_a_file_name_that_is_not_base64_is_refused(tus: TusClient) -> None:
    headers = VERSION | {"Upload-Length": "10", "Upload-Metadata": "filename *"}
    assert code_of(tus.client.post(URL, headers=headers)) == (400, "validation_error")


def test_a_part_of_another_type_is_refused(tus: TusClient) -> None:
    location = tus.begin(10)["Location"]
    answer = tus.client.patch(location, {"a": 1}, format="json", headers=VERSION | {"Upload-Offset": "0"})
    assert code_of(answer) == (415, "unsupported_media_type")
    answer = tus.client.generic("PATCH", location, "x", content_type=PART, headers=VERSION)
    assert code_of(answer) == (400, "validation_error")


def test_a_video_that_is_too_large_is_refused(tus: TusClient) -> None:
    answer = tus.begin(200 * 2**20 + 1)
    assert code_of(answer) == (413, "payload_too_large")
    assert answer.json()["error"]["details"] == {"max_bytes": 200 * 2**20}
    assert tus.begin(200 * 2**20).status_code == 201


def test_only_sellers_upload_videos_and_only_their_own_are_reached(tus: TusClient) -> None:
    buyer = TusClient(client_for(make_user()))
    assert code_of(buyer.begin(10)) == (403, "sellers_only")
    assert code_of(buyer.client.post(URL, {"x": 1}, headers=VERSION)) == (403, "sellers_only")
    location = tus.begin(10)["Location"]
    other = TusClient(client_for(make_seller()))
    assert code_of(other.append(location, 0, b"x")) == (404, "video_not_found")
    assert code_of(other.delete(location)) == (404, "video_not_found")
    assert code_of(other.client.get(location)) == (404, "video_not_found")
    assert other.client.head(location, headers=VERSION).status_code == 404
    assert code_of(TusClient(APIClient()).begin(10)) == (401, "not_authenticated")


def test_a_person_has_three_unfinished_uploads_at_most(tus: TusClient, seller: Any) -> None:
    locations = [tus.begin(10)["Location"] for _ in range(3)]
    assert code_of(tus.begin(10)) == (409, "too_many_videos")
    assert tus.delete(locations[0]).status_code == 204
    assert tus.begin(10).status_code == 201
    VideoUpload.objects.update(expires_at=timezone.now())
    assert tus.begin(10).status_code == 201


def test_a_person_begins_fifty_uploads_a_day_at_most(tus: TusClient, seller: Any, settings: Any) -> None:
    settings.VIDEOS_PER_DAY_MAX = 2
    for _ in range(2):
        make_ready_video(owner=seller)
    assert code_of(tus.begin(10)) == (409, "too_many_videos")
    VideoUpload.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert tus.begin(10).status_code == 201


def test_no_upload_begins_on_a_full_disk(tus: TusClient, settings: Any) -> None:
    settings.DISK_FREE_MIN_BYTES = 2**60
    assert code_of(tus.begin(10)) == (503, "unavailable")
    assert not VideoUpload.objects.exists()


def test_a_part_that_cannot_be_written_is_not_acknowledged(
    tus: TusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = tus.begin(10)["Location"]

    def full(*args: Any, **kwargs: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(received, "append", full)
        assert code_of(tus.append(location, 0, b"abc")) == (503, "unavailable")
    assert tus.offset(location) == 0


def test_an_upload_whose_file_was_lost_is_not_found(tus: TusClient) -> None:
    location = tus.begin(10)["Location"]
    tus.append(location, 0, b"abc")
    received.delete(id_in(location))
    assert code_of(tus.append(location, 3, b"def")) == (404, "video_not_found")


def test_an_upload_begins_once_per_idempotency_key(tus: TusClient) -> None:
    first, second = (tus.begin(10, **{"Idempotency-Key": "v-1"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first["Location"] == second["Location"]
    assert VideoUpload.objects.count() == 1


def test_a_key_that_was_used_for_another_length_is_refused(tus: TusClient) -> None:
    key = {"Idempotency-Key": "one"}
    assert [tus.begin(length, **key).status_code for length in (100, 100, 101)] == [201, 201, 422]
    assert VideoUpload.objects.get().size == 100


def test_an_expired_upload_is_gone_and_its_file_is_deleted(tus: TusClient, media_root: Path) -> None:
    location = tus.begin(10)["Location"]
    tus.append(location, 0, b"abc")
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        VideoUpload.objects.update(expires_at=timezone.now() - timedelta(hours=50))
    assert code_of(tus.append(location, 3, b"def")) == (404, "video_not_found")
    video_cleanup.delete_unneeded_videos()
    assert not VideoUpload.objects.exists()
    run_deletions()
    assert list((media_root / "incoming").iterdir()) == []


def run_deletions() -> None:
    for job in ProcrastinateJob.objects.filter(task_name="listings.delete_video_files"):
        tasks.delete_video_files(video_id=job.args["video_id"], owner_id=job.args["owner_id"])


def test_an_upload_that_is_deleted_leaves_no_file(tus: TusClient, media_root: Path) -> None:
    location = tus.begin(10)["Location"]
    assert tus.delete(location).status_code == 204
    assert code_of(tus.delete(location)) == (404, "video_not_found")
    run_deletions()
    run_deletions()
    assert list((media_root / "incoming").iterdir()) == []


def test_a_video_that_a_product_shows_is_not_deleted(tus: TusClient, seller: Any) -> None:
    video = make_ready_video(owner=seller)
    product = make_product(seller=seller, feed_type="discover", video_url=video.url)
    assert code_of(tus.delete(f"{URL}/{video.pk}")) == (409, "video_in_use")
    product.status, product.deleted_at = "deleted", timezone.now() - timedelta(days=31)
    product.save()
    assert tus.delete(f"{URL}/{video.pk}").status_code == 204


class TestUnneededVideos:
    """Which videos the periodic job deletes."""

    def kept(self, video: VideoUpload, **age: float) -> bool:
        VideoUpload.objects.update(updated_at=timezone.now() - timedelta(**age))
        video_cleanup.delete_unneeded_videos()
        return VideoUpload.objects.filter(pk=video.pk).exists()

    def test_a_video_that_no_product_shows_is_deleted_after_a_day(self) -> None:
        video = make_ready_video()
        assert self.kept(video, hours=23)
        assert not self.kept(video, hours=25)

    @pytest.mark.parametrize("status", ["active", "sold", "hidden", "inactive"])
    def test_a_video_that_a_product_shows_is_kept(self, status: str) -> None:
        video = make_ready_video()
        make_product(seller=video.owner, video_url=video.url, status=status)
        assert self.kept(video, days=300)

    def test_the_video_of_a_deleted_product_is_kept_for_thirty_days(self) -> None:
        video = make_ready_video()
        product = make_product(
            seller=video.owner, video_url=video.url, status="deleted", deleted_at=timezone.now()
        )
        assert self.kept(video, days=2)
        product.deleted_at = timezone.now() - timedelta(days=31)
        product.save()
        assert not self.kept(video, days=2)

    def test_the_product_of_another_seller_keeps_no_video(self) -> None:
        video = make_ready_video()
        make_product(video_url=video.url)
        assert not self.kept(video, days=2)

    def test_a_failed_video_is_deleted_after_a_day(self) -> None:
        video = make_video(state="failed", received=1000, reason="unreadable")
        assert self.kept(video, hours=23)
        assert not self.kept(video, hours=25)

    def test_an_unfinished_one_is_kept(self) -> None:
        assert self.kept(make_video(), days=2)
        assert self.kept(make_video(state="waiting", received=1000), days=2)


def test_a_received_file_without_a_row_is_deleted_after_a_day(media_root: Path) -> None:
    video = make_video()
    received.create(video.pk)
    stray = UUID(int=7)
    received.create(stray)
    video_cleanup.delete_stray_files()
    assert received.path_of(stray).exists()
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        for before in received.ids_before(timezone.now() - timedelta(days=1)):
            if not VideoUpload.objects.filter(pk=before).exists():
                received.delete(before)
    assert not received.path_of(stray).exists()
    assert received.path_of(video.pk).exists()


def test_a_video_whose_job_was_lost_is_queued_again_once() -> None:
    video = make_video(state="processing", received=1000)
    video_cleanup.resume_videos()
    jobs = ProcrastinateJob.objects.filter(task_name="listings.process_video")
    assert not jobs.exists()
    VideoUpload.objects.update(updated_at=timezone.now() - timedelta(minutes=20))
    video_cleanup.resume_videos()
    VideoUpload.objects.update(updated_at=timezone.now() - timedelta(minutes=20))
    video_cleanup.resume_videos()
    [job] = jobs
    assert job.args["video_id"] == str(video.pk)


@pytest.mark.django_db(transaction=True)
def test_of_two_parts_at_once_one_is_appended(media_root: Path) -> None:
    seller = make_seller()
    video = videos.begin_video(actor=seller, size=8, file_name="")
    results: list[str] = []
    ready = threading.Barrier(2)

    def append(data: bytes) -> None:
        ready.wait()
        try:
            videos.append_to_video(actor=seller, video_id=video.pk, offset=0, part=io.BytesIO(data))
            results.append(data.decode())
        except Exception as error:
            results.append(getattr(error, "code", repr(error)))
        finally:
            connection.close()

    threads = [threading.Thread(target=append, args=(data,)) for data in (b"aaaa", b"bbbb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "video_offset_mismatch" in results
    [written] = [result for result in results if result != "video_offset_mismatch"]
    assert received.path_of(video.pk).read_bytes() == written.encode()
    video.refresh_from_db()
    assert video.received == 4
