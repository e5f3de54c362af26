"""Deleting videos that nobody needs any more, and taking up those whose job was lost."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from listings.media import received
from listings.models import VideoUpload
from listings.services.videos import enqueue_processing, is_shown, remove_video
from soukloop.core.db.clock import database_now
from soukloop.core.jobs.queue import is_job_queued

_JOB_LOST_AFTER = timedelta(minutes=15)  # longer than a stalled job needs to be queued again
_BATCH = 500


def delete_unneeded_videos() -> None:
    """Delete expired uploads, old failures, and videos that no product has shown for a day."""
    now = database_now()
    old = Q(updated_at__lte=now - settings.UNUSED_VIDEO_KEPT_FOR)
    finished = Q(state__in=[VideoUpload.State.READY, VideoUpload.State.FAILED]) & old
    expired = Q(state=VideoUpload.State.UPLOADING, expires_at__lte=now)
    candidates = VideoUpload.objects.filter(finished | expired).order_by("pk")
    ids = candidates.values_list("pk", flat=True)
    for video_id in ids.iterator(chunk_size=_BATCH):
        with transaction.atomic():
            # Of the same conditions: a part may have completed it, and whoever uses it now has locked it.
            video = candidates.select_for_update(skip_locked=True).filter(pk=video_id).first()
            if video is not None and not is_shown(video):
                remove_video(video)


def resume_videos() -> None:
    """Queue the processing of videos whose job was lost, or given up."""
    unfinished = Q(state__in=[VideoUpload.State.WAITING, VideoUpload.State.PROCESSING])
    lost = VideoUpload.objects.filter(unfinished, updated_at__lte=database_now() - _JOB_LOST_AFTER)
    for video in lost:
        if is_job_queued("listings.process_video", video_id=str(video.pk)):
            continue
        with transaction.atomic():
            # Of two workers the second one waits for the row, and then finds another time.
            if lost.filter(pk=video.pk, updated_at=video.updated_at).update(updated_at=Now()):
                enqueue_processing(video)


def delete_stray_files() -> None:
    """Delete received files whose rows are gone, or were never committed."""
    before = database_now() - settings.VIDEO_UPLOAD_EXPIRES_AFTER
    for video_id in received.ids_before(before):
        if not VideoUpload.objects.filter(pk=video_id).exists():
            received.delete(video_id)
