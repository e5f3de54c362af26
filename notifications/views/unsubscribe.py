"""The page that ends emails, without a login, for whoever has the link in one of them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifications.emails import user_id_of_unsubscribe_token
from notifications.selectors import language_of
from notifications.services.digests import stop_digests
from soukloop.core.http.languages import preferred_language


# Mail programs post without cookies (RFC 8058). A GET changes nothing: programs that look for harmful links
# open them all.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show a button; end the person's emails when it is pressed, or a mail program posts."""
    user_id = user_id_of_unsubscribe_token(token)
    language = language_of(user_id) if user_id else None
    if user_id and request.method == "POST":
        stop_digests(user_id=user_id)
    language = language or preferred_language(request.headers.get("Accept-Language", ""))
    with translation.override(language):
        context = {
            "language": language,
            "direction": "rtl" if translation.get_language_bidi() else "ltr",
            "is_valid": user_id is not None,
            "is_done": request.method == "POST",
        }
        response = render(request, "notifications/unsubscribe.html", context, status=200 if user_id else 404)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = language
    return response
