"""The sandbox's pages: paying, saving a card, and completing a seller's account.

Whoever has a page's address may use it, as with a real provider: there is a secret in it, and no login.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from payments.models import SandboxAccount, SandboxCardSetup, SandboxPayment
from payments.providers.sandbox import accounts, payments
from payments.providers.sandbox.cards import CARDS_TO_SAVE, CHALLENGE, PAYMENT_CARDS
from payments.providers.sandbox.records import is_allowed
from soukloop.core.errors import Conflict, NotFound
from soukloop.core.http.languages import preferred_language
from soukloop.core.http.origins import is_trusted_origin
from soukloop.core.money import from_fils, price_display

State = SandboxPayment.State
View = Callable[..., HttpResponse]

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def sandbox_page(view: View) -> View:
    """Answer in the language that the address or the browser names; 404 where the sandbox isn't allowed."""

    @functools.wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not is_allowed():
            raise Http404
        language = request.GET.get("lang", "")
        if language not in ("ar", "en"):
            language = preferred_language(request.headers.get("Accept-Language", ""))
        with translation.override(language):
            try:
                response = view(request, *args, **kwargs)
            except NotFound as error:
                raise Http404 from error
        response.headers["Content-Language"] = language
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    # The secret in the address is what a forged form of another site would lack; there are no cookies.
    return csrf_exempt(require_http_methods(["GET", "HEAD", "POST"])(wrapper))


@sandbox_page
def pay(request: HttpRequest, client_secret: str) -> HttpResponse:
    """Show a payment; a POST pays it with the chosen card."""
    payment = payments.payment_of_page(client_secret)
    if request.method == "POST" and request.POST.get("card") in PAYMENT_CARDS:
        return _change_once(request, lambda: payments.confirm_payment(client_secret, request.POST["card"]))
    return _payment_page(request, payment)


@sandbox_page
def challenge(request: HttpRequest, client_secret: str) -> HttpResponse:
    """Take the answer to the bank's question."""
    payment = payments.payment_of_page(client_secret)
    if request.method == "POST" and request.POST.get("answer") in ("pass", "fail"):
        is_passed = request.POST["answer"] == "pass"
        return _change_once(
            request,
            lambda: payments.answer_challenge(client_secret, is_passed=is_passed),
            path=request.path.removesuffix("/challenge"),
        )
    return _payment_page(request, payment)


@sandbox_page
def save_card(request: HttpRequest, client_secret: str) -> HttpResponse:
    """Show the page that saves a card; a POST saves the chosen one."""
    setup = accounts.setup_of_page(client_secret)
    if request.method == "POST" and request.POST.get("card") in CARDS_TO_SAVE:
        return _change_once(request, lambda: accounts.save_card(client_secret, request.POST["card"]))
    context = {
        "step": _step_of_setup(setup),
        "cards": CARDS_TO_SAVE.values(),
        "saved": CARDS_TO_SAVE.get(setup.test_card),
        "back_url": _trusted(request, request.GET.get("return_url", "")),
    }
    return _render(request, "card", context)


@sandbox_page
def onboarding(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a seller's account still needs; a POST keeps what is valid of the form."""
    account, link = accounts.read_onboarding_token(token)
    back_url, refresh_url = _trusted(request, link["return"]), _trusted(request, link["refresh"])
    if account is None:
        return _render(request, "onboarding", {"step": "expired", "back_url": refresh_url or back_url})
    values, missing, step = _values_of(account), [], "form"
    if request.method == "POST" and account.requirements:
        texts = {name: request.POST.get(name, "").replace("\x00", "")[:200] for name in accounts.INVENTED}
        accepts_terms = "accepts_terms" in request.POST
        account = accounts.save_details(account.pk, **texts, accepts_terms=accepts_terms)
        values = texts | ({"accepts_terms": "yes"} if accepts_terms else {})
        missing = account.requirements
        step = "later" if request.POST.get("action") == "later" else "form"
    if not account.requirements:
        step = "done"
    context = {"step": step, "values": values, "missing": missing, "account": account, "back_url": back_url}
    return _render(request, "onboarding", context)


def _payment_page(request: HttpRequest, payment: SandboxPayment) -> HttpResponse:
    context = {
        "step": _step_of_payment(payment, wants_other_card="other" in request.GET),
        "payment": payment,
        "amount": price_display(from_fils(payment.amount), payment.currency),
        "cards": PAYMENT_CARDS.values(),
        "card": PAYMENT_CARDS.get(payment.test_card),
        "page_path": request.path.removesuffix("/challenge"),
        "back_url": _trusted(request, request.GET.get("return_url") or payment.return_url),
    }
    return _render(request, "pay", context)


def _step_of_payment(payment: SandboxPayment, *, wants_other_card: bool) -> str:
    """Return what the page shows: choose, challenge, paid, failed, cancelled or expired."""
    match payment.state:
        case State.REQUIRES_ACTION:
            is_challenged = payment.test_card == CHALLENGE.name and not wants_other_card
            return "challenge" if is_challenged else "choose"
        case State.AUTHORISED | State.CAPTURED:
            return "paid"
        case State.FAILED:
            return "failed"
    return "expired" if payment.failure_code == "expired" else "cancelled"


def _step_of_setup(setup: SandboxCardSetup) -> str:
    if setup.card:
        return "saved"
    return "expired" if accounts.is_setup_expired(setup) else "choose"


def _values_of(account: SandboxAccount) -> dict[str, str]:
    """Return what the form shows at first: what was saved, else invented data."""
    saved = {
        "business_type": account.business_type,
        "name": account.legal_name,
        "licence_number": account.licence_number,
    }
    return accounts.INVENTED | {name: value for name, value in saved.items() if value}


def _change_once(
    request: HttpRequest, change: Callable[[], object], *, path: str | None = None
) -> HttpResponse:
    """Make a change and go to the page that shows it, as a second click and one that comes too late do."""
    with contextlib.suppress(Conflict):  # the page shows what happened before
        change()
    query = _kept_query(request.GET)
    return HttpResponseRedirect((path or request.path) + (f"?{query}" if query else ""), status=303)


def _kept_query(query: QueryDict, **changes: str) -> str:
    kept = {name: query[name] for name in ("lang", "return_url") if name in query}
    return urlencode(kept | changes)


def _trusted(request: HttpRequest, url: str) -> str:
    """Return an address that the page may lead back to: on this host, or of a trusted origin; else ""."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https"):
        return ""
    origin, web = f"{parts.scheme}://{parts.netloc}", urlsplit(settings.WEB_URL)
    is_ours = origin == f"{web.scheme}://{web.netloc}" or is_trusted_origin(origin, request.get_host())
    return url if is_ours else ""


def _render(request: HttpRequest, name: str, context: Mapping[str, Any]) -> HttpResponse:
    language = translation.get_language() or "en"
    other = "en" if language == "ar" else "ar"
    common = {
        "language": language,
        "direction": "rtl" if translation.get_language_bidi() else "ltr",
        "query": _kept_query(request.GET),
        "other_language": other,
        "other_query": _kept_query(request.GET, lang=other),
        "other_path": context.get("page_path", request.path),
    }
    status = 410 if context["step"] == "expired" else 200
    return render(request, f"sandbox/{name}.html", {**common, **context}, status=status)
