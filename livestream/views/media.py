"""Views of the media server's callbacks, which have a shared secret and are not reachable publicly."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from livestream.selectors.playback import is_playable
from livestream.services import broadcasts
from soukloop.core.http.envelope import domain_error


def _caching(**durations: timedelta) -> str:
    return ", ".join(
        f"{name.replace('_', '-')}={int(duration.total_seconds())}" for name, duration in durations.items()
    )


# Requests that come while the media server asks again still get the previous response, if it was a yes.
GRANT_CACHING = _caching(
    max_age=settings.STREAM_PLAYBACK_CHECKED_EVERY,
    stale_while_revalidate=timedelta(seconds=20),
    stale_if_error=settings.STREAM_PLAYBACK_UNCHECKED_MAX,
)
REFUSAL_CACHING = _caching(
    max_age=settings.STREAM_PLAYBACK_REFUSAL_KEPT, stale_if_error=settings.STREAM_PLAYBACK_UNCHECKED_MAX
)


@method_decorator(csrf_exempt, name="dispatch")
class MediaCallback(View):
    """Responds by status: 2xx accepts, 3xx accepts and renames the stream to `Location`, others refuse."""

    http_method_names = ["post"]

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        secret = request.GET.get("secret", "")
        accepted = [settings.MEDIA_SECRET, *settings.MEDIA_SECRET_FALLBACKS]
        if not any(known and constant_time_compare(secret, known) for known in accepted):
            return HttpResponse(status=403)
        try:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        except Exception as exc:
            error = domain_error(exc)
            if error is None:
                raise
            return HttpResponse(status=error.status)


class PublishStarted(MediaCallback):
    def post(self, request: HttpRequest) -> HttpResponse:
        public_id = broadcasts.authorize_publisher(
            key=_value(request, "name"), client_id=_value(request, "clientid")
        )
        return HttpResponse(status=302, headers={"Location": public_id})


class PublishEnded(MediaCallback):
    def post(self, request: HttpRequest) -> HttpResponse:
        broadcasts.publisher_disconnected(key=_value(request, "name"), client_id=_value(request, "clientid"))
        return HttpResponse()


class RecordingFinished(MediaCallback):
    def post(self, request: HttpRequest) -> HttpResponse:
        broadcasts.recording_finished(path=_value(request, "path"))
        return HttpResponse()


class PlaybackCheck(MediaCallback):
    """Responds to the media server whether a viewer may have a file: 204 or 403.

    The response says how long it may be used, so that there is one request per viewer in that time. A refusal
    holds for 2 s only, since who follows again may watch at once.
    """

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        names = ("token", "kind", "stream")
        token, kind, public_id = (request.GET.get(name, "") for name in names)
        allowed = is_playable(token=token, kind=kind, public_id=public_id)
        if allowed:
            return HttpResponse(status=204, headers={"Cache-Control": GRANT_CACHING})
        return HttpResponse(status=403, headers={"Cache-Control": REFUSAL_CACHING})


def _value(request: HttpRequest, name: str) -> str:
    """Return a form field, or an empty string if it is invalid.

    The media server doesn't escape every `&` of what encoders send, so a field that is there twice may be
    theirs. PostgreSQL can't store NUL.
    """
    values = request.POST.getlist(name)
    value = values[0][:500] if len(values) == 1 else ""
    return "" if "\x00" in value else value
