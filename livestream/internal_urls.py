"""URLs under `/internal/`, which only the media server calls."""

from django.urls import path

from livestream.views.media import PlaybackCheck, PublishEnded, PublishStarted, RecordingFinished

urlpatterns = [
    path("media/publish", PublishStarted.as_view()),
    path("media/publish_done", PublishEnded.as_view()),
    path("media/playback", PlaybackCheck.as_view()),
    path("media/record_done", RecordingFinished.as_view()),
]
