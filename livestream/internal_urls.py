"""URLs under `/internal/`, for the media server alone."""

from django.urls import path

from livestream.views.media import Publish, PublishDone, RecordDone

urlpatterns = [
    path("media/publish", Publish.as_view()),
    path("media/publish_done", PublishDone.as_view()),
    path("media/record_done", RecordDone.as_view()),
]
