"""URLs under `/internal/media`, for the media server alone."""

from django.urls import path

from livestream.views.media import Publish, PublishDone, RecordDone

urlpatterns = [
    path("publish", Publish.as_view()),
    path("publish_done", PublishDone.as_view()),
    path("record_done", RecordDone.as_view()),
]
