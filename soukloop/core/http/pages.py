"""Middleware of HTML pages: the admin, the API's documentation, error pages."""

from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware
from django.utils.deprecation import MiddlewareMixin
from django.views.defaults import page_not_found

from soukloop.core.uploads import media_origins


class PageCommonMiddleware(CommonMiddleware):
    """Redirect to the address with a slash at its end only where nothing is sent that would be lost.

    For other methods Django's middleware fails while DEBUG is on.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return request.method in ("GET", "HEAD") and super().should_redirect_with_slash(request)


class NotFoundPageMiddleware(MiddlewareMixin):
    """Answer an address that no URL pattern matches with the 404 page while DEBUG is on, too.

    Django would list all patterns there, which tells a person who mistyped an address nothing.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        is_page = response.get("Content-Type", "").startswith("text/html")
        if response.status_code == 404 and is_page and request.resolver_match is None:
            response.content = page_not_found(request, Http404()).content
            response.headers["Content-Length"] = str(len(response.content))
        return response


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Let pages load only our own scripts and pictures.

    An address that a user entered would tell its server who opens the page, and when.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        is_page = response.get("Content-Type", "").startswith("text/html")
        # Django's error page of a server with DEBUG has its scripts inline.
        if is_page and response.status_code < 500:
            response.headers.setdefault("Content-Security-Policy", staff_pages_policy())
        return response


def staff_pages_policy() -> str:
    media = " ".join(sorted(media_origins()))
    return (
        f"default-src 'self'; img-src 'self' data: {media}; media-src 'self' {media}; "
        "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
