"""What the media server asks and tells; form posts with a shared secret, on no public address."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from livestream.services import broadcasts
from soukloop.core.http.envelope import domain_error


@method_decorator(csrf_exempt, name="dispatch")
class MediaCallback(View):
    """Answered by the status alone: 2xx lets in, 3xx lets in under another name, everything else refuses."""

    http_method_names = ["post"]

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        given = request.GET.get("secret", "")
        if not settings.MEDIA_SECRET or not constant_time_compare(given, settings.MEDIA_SECRET):
            return HttpResponse(status=403)
        try:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        except Exception as exc:
            error = domain_error(exc)
            if error is None:
                raise
            return HttpResponse(status=error.status)


class Publish(MediaCallback):
    def post(self, request: HttpRequest) -> HttpResponse:
        public_id = broadcasts.let_in(key=_value(request, "name"), client_id=_value(request, "clientid"))
        return HttpResponse(status=302, headers={"Location": public_id})


class PublishDone(MediaCallback):
    def post(self, request: HttpRequest) -> HttpResponse:
        broadcasts.gone(key=_value(request, "name"), client_id=_value(request, "clientid"))
        return HttpResponse()


class RecordDone(MediaCallback):
    def post(self, request: HttpRequest) -> HttpResponse:
        broadcasts.recorded(path=_value(request, "path"))
        return HttpResponse()


def _value(request: HttpRequest, name: str) -> str:
    """Return a field of the form; what PostgreSQL can't keep counts as nothing."""
    value = request.POST.get(name, "")[:500]
    return "" if "\x00" in value else value
