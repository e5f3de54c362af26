"""The content security policy of HTML pages: the admin, the API's documentation, error pages."""

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from soukloop.core.uploads import media_origins


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
