"""The files by which iOS and Android know that the app may open this host's links."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse

from notifications.kinds import KINDS

_ANDROID_RELATION = "delegate_permission/common.handle_all_urls"


def apple_app_site_association(request: HttpRequest) -> JsonResponse:
    """Return what iOS asks for: which apps open which paths. 404 while APPLE_APP_IDS is empty."""
    if not settings.APPLE_APP_IDS:
        raise Http404
    components = [{"/": path} for path in _linked_paths()]
    details = [{"appIDs": settings.APPLE_APP_IDS, "components": components}]
    return _file({"applinks": {"details": details}, "webcredentials": {"apps": settings.APPLE_APP_IDS}})


def android_asset_links(request: HttpRequest) -> JsonResponse:
    """Return what Android asks for: whose apps open this host's links. 404 while ANDROID_PACKAGE is empty."""
    if not (settings.ANDROID_PACKAGE and settings.ANDROID_CERTIFICATES):
        raise Http404
    target = {
        "namespace": "android_app",
        "package_name": settings.ANDROID_PACKAGE,
        "sha256_cert_fingerprints": settings.ANDROID_CERTIFICATES,
    }
    return _file([{"relation": [_ANDROID_RELATION], "target": target}])


def _linked_paths() -> list[str]:
    """Return patterns of the links that notifications carry, and of people's, which are shared."""
    first_and_rest = {kind.link.partition("/")[:2] for kind in KINDS.values() if kind.link}
    return sorted({f"/{first}{'/*' if slash else ''}" for first, slash in first_and_rest} | {"/users/*"})


def _file(content: Any) -> JsonResponse:
    return JsonResponse(content, safe=False, headers={"Cache-Control": "public, max-age=3600"})
