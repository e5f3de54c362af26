"""The sandbox's pages and its own API: nothing happens twice, and each outcome has a clear page."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from payments.models import SandboxAccount, SandboxCardSetup, SandboxMovement, SandboxPayment
from payments.providers.base import PaymentState
from payments.providers.sandbox import SandboxProvider, accounts
from payments.tests.provider_contract import request_for
from payments.tests.test_sandbox_provider import SandboxCounterpart
from soukloop.core.db.clock import database_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def counterpart() -> SandboxCounterpart:
    return SandboxCounterpart()


@pytest.fixture
def account(counterpart: SandboxCounterpart) -> SandboxAccount:
    account = accounts.create_account(reference="s", email="s@example.com", country="AE", key="account")
    counterpart.complete_account(account.pk)
    account.refresh_from_db()
    return account


@pytest.fixture
def payment(account: SandboxAccount) -> PaymentState:
    return SandboxProvider().create_payment(request_for(account.pk, return_url="http://testserver/orders/1"))


def address(payment: PaymentState) -> str:
    return f"/sandbox/pay/{payment.client_secret}"


def row(payment: PaymentState) -> SandboxPayment:
    return SandboxPayment.objects.get(pk=payment.external_id)


def text_of(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return str(response.content.decode())


def test_the_page_says_what_is_paid_and_that_it_is_a_test(payment: PaymentState) -> None:
    response = Client().get(address(payment))
    page = text_of(response)
    assert "AED 850.00" in page
    assert "Nike Air Jordan 1" in page
    assert "no money moves" in page
    assert 'href="http://testserver/orders/1"' in page
    for card in ("success", "challenge", "declined", "insufficient_funds", "charged_back"):
        assert f'value="{card}"' in page
    assert response["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert response["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("query", "header", "direction"),
    [("", "ar", "rtl"), ("?lang=ar", "en", "rtl"), ("?lang=en", "ar", "ltr"), ("?lang=fr", "", "ltr")],
)
def test_the_page_is_in_the_language_of_the_address_or_the_browser(
    payment: PaymentState, query: str, header: str, direction: str
) -> None:
    response = Client(HTTP_ACCEPT_LANGUAGE=header).get(address(payment) + query)
    assert f'dir="{direction}"' in text_of(response)
    assert response["Content-Language"] == ("ar" if direction == "rtl" else "en")


@pytest.mark.parametrize(
    ("card", "state", "words"),
    [
        ("success", "authorised", "Paid"),
        ("charged_back", "authorised", "Paid"),
        ("declined", "failed", "The card was declined"),
        ("insufficient_funds", "failed", "does not have enough money"),
        ("challenge", "requires_action", "Your bank asks"),
    ],
)
def test_each_card_leads_to_its_page(payment: PaymentState, card: str, state: str, words: str) -> None:
    client = Client()
    answer = client.post(address(payment) + "?lang=en", {"card": card})
    assert (answer.status_code, answer["Location"]) == (303, address(payment) + "?lang=en")
    assert words in text_of(client.get(answer["Location"]))
    assert row(payment).state == state


@pytest.mark.parametrize(("answer", "state"), [("pass", "authorised"), ("fail", "failed")])
def test_the_answer_to_the_bank_decides(payment: PaymentState, answer: str, state: str) -> None:
    client = Client()
    client.post(address(payment), {"card": "challenge"})
    assert "Choose a test card" in text_of(client.get(address(payment) + "?other=1"))
    for _ in range(2):
        moved = client.post(address(payment) + "/challenge", {"answer": answer})
        assert (moved.status_code, moved["Location"]) == (303, address(payment))
    assert row(payment).state == state


def test_a_second_click_and_a_form_from_the_back_button_change_nothing(payment: PaymentState) -> None:
    client = Client()
    for card in ("success", "success", "declined", "challenge"):
        assert client.post(address(payment), {"card": card}).status_code == 303
        assert row(payment).state == "authorised"
    assert client.post(address(payment) + "/challenge", {"answer": "fail"}).status_code == 303
    assert (row(payment).state, row(payment).test_card) == ("authorised", "success")
    assert "You can't pay twice" in text_of(client.get(address(payment)))


def test_a_form_without_a_choice_shows_the_page_again(payment: PaymentState) -> None:
    for data in ({}, {"card": "gold"}, {"card": "declined_later"}):
        assert "Choose a test card" in text_of(Client().post(address(payment), data))
    assert row(payment).state == "requires_action"


def test_a_cancelled_payment_is_not_paid_any_more(payment: PaymentState) -> None:
    SandboxProvider().cancel_payment(payment.external_id, payment.account, key="cancel")
    client = Client()
    assert "was cancelled" in text_of(client.get(address(payment)))
    assert client.post(address(payment), {"card": "success"}).status_code == 303
    assert row(payment).state == "cancelled"


def test_a_page_that_waited_too_long_has_expired(payment: PaymentState, settings: Any) -> None:
    with time_machine.travel(database_now() + settings.SANDBOX_PAGE_EXPIRES_AFTER + timedelta(seconds=1)):
        client = Client()
        assert "has expired" in text_of(client.get(address(payment)), 410)
        client.post(address(payment), {"card": "success"})
    assert (row(payment).state, row(payment).failure_code) == ("cancelled", "expired")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "//evil.example/",
        "javascript:alert(1)",
        "http://testserver@evil.example/",
        "http://testserver\\@evil.example/",
        "http://[::1",
    ],
)
def test_the_page_leads_back_to_our_own_origins_alone(account: SandboxAccount, url: str) -> None:
    payment = SandboxProvider().create_payment(request_for(account.pk, return_url=url))
    page = text_of(Client().get(address(payment), {"return_url": url}))
    links = re.findall('href="([^"]*)"', page)
    assert links
    assert all(re.match("/[a-z]", link) for link in links), links
    assert "Back without paying" not in page


@pytest.mark.parametrize("path", ["pay/x", "pay/x/challenge", "cards/x", "onboarding/x"])
def test_unknown_secrets_are_not_found(path: str) -> None:
    for method in ("get", "post"):
        assert getattr(Client(), method)(f"/sandbox/{path}").status_code == 404
    assert Client().put(f"/sandbox/{path}").status_code == 405


def test_nothing_of_the_sandbox_is_served_where_it_is_not_allowed(
    payment: PaymentState, settings: Any
) -> None:
    settings.SANDBOX_PAYMENTS_ALLOWED = False
    assert Client().get(address(payment)).status_code == 404
    assert Client().post(address(payment), {"card": "success"}).status_code == 404
    answer = APIClient().post(f"/sandbox/payments/{payment.client_secret}/confirm", {"card": "success"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert row(payment).state == "requires_action"


# --- The API for programs


def test_a_program_pays_with_a_challenge(payment: PaymentState) -> None:
    client = APIClient()
    base = f"/sandbox/payments/{payment.client_secret}"
    asked = client.post(f"{base}/confirm", {"card": "challenge"})
    assert asked.json()["success"] is True
    assert asked.json()["data"] == {
        "id": payment.external_id,
        "state": "requires_action",
        "amount": 850.0,
        "currency": "AED",
        "description": "Nike Air Jordan 1",
        "failure_code": "",
        "needs_challenge": True,
    }
    for _ in range(2):
        passed = client.post(f"{base}/challenge", {"answer": "pass"})
        assert (passed.status_code, passed.json()["data"]["state"]) == (200, "authorised")
    assert client.get(base).json()["data"]["needs_challenge"] is False


def test_a_program_is_told_why_it_is_refused(payment: PaymentState) -> None:
    client = APIClient()
    base = f"/sandbox/payments/{payment.client_secret}"

    def code(path: str, body: dict[str, str]) -> tuple[int, str]:
        answer = client.post(f"{base}/{path}", body)
        return answer.status_code, answer.json()["error"]["code"]

    assert code("confirm", {"card": "gold"}) == (400, "validation_error")
    assert code("challenge", {"answer": "pass"}) == (409, "sandbox_no_challenge")
    client.post(f"{base}/confirm", {"card": "success"})
    assert code("confirm", {"card": "declined"}) == (409, "sandbox_page_closed")
    assert code("challenge", {"answer": "fail"}) == (409, "sandbox_page_closed")
    assert row(payment).state == "authorised"
    assert client.post("/sandbox/payments/x/confirm", {"card": "success"}).status_code == 404


# --- Saving a card


@pytest.fixture
def setup() -> SandboxCardSetup:
    return accounts.create_card_setup(customer="", reference="u", email="u@example.com", key="setup")


def test_a_card_is_saved_once(setup: SandboxCardSetup) -> None:
    client, path = Client(), f"/sandbox/cards/{setup.client_secret}"
    assert "Save card" in text_of(client.get(path))
    for card in ("success", "success", "declined_later"):
        assert client.post(path, {"card": card}).status_code == 303
    assert "The card ends with 4242." in text_of(client.get(path))
    setup.refresh_from_db()
    assert setup.test_card == "success"
    assert not SandboxMovement.objects.exists()


def test_a_program_saves_a_card(setup: SandboxCardSetup) -> None:
    client, path = APIClient(), f"/sandbox/cards/{setup.client_secret}/save"
    first, second = (client.post(path, {"card": "declined_later"}).json()["data"] for _ in range(2))
    assert first == second
    assert (first["brand"], first["last4"]) == ("visa", "0341")
    refused = client.post(path, {"card": "success"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "sandbox_page_closed")


def test_the_page_of_a_card_expires(setup: SandboxCardSetup, settings: Any) -> None:
    with time_machine.travel(database_now() + settings.SANDBOX_PAGE_EXPIRES_AFTER + timedelta(seconds=1)):
        client, path = Client(), f"/sandbox/cards/{setup.client_secret}"
        assert "has expired" in text_of(client.get(path), 410)
        client.post(path, {"card": "success"})
    setup.refresh_from_db()
    assert setup.card == ""


# --- Completing an account


@pytest.fixture
def link() -> str:
    account = accounts.create_account(reference="s", email="s@example.com", country="AE", key="open")
    token = accounts.onboarding_token(
        account.pk, return_url="http://testserver/done", refresh_url="http://testserver/again"
    )
    return f"/sandbox/onboarding/{token}"


def open_account() -> SandboxAccount:
    return SandboxAccount.objects.get(key="open")


def form(*, has_accepted: bool = True, **changes: str) -> dict[str, str]:
    terms = {"accepts_terms": "yes"} if has_accepted else {}
    return {**accounts.INVENTED, **terms, "action": "submit"} | changes


def test_a_seller_completes_the_form_and_may_be_paid(link: str) -> None:
    client = Client()
    page = text_of(client.get(link))
    assert "Number of the licence or permit" in page
    assert "is ready" in text_of(client.post(link, form()))
    assert open_account().is_ready
    assert 'href="http://testserver/done"' in text_of(client.get(link))


def test_what_is_wrong_in_the_form_is_named(link: str) -> None:
    page = text_of(Client().post(link, form(iban="AE1", licence_number="", has_accepted=False)))
    assert "Enter an IBAN of the Emirates" in page
    assert "Accept them to go on" in page
    assert "Enter a name." not in page
    assert open_account().requirements == [accounts.LICENCE, accounts.BANK_ACCOUNT, accounts.TERMS]


def test_a_seller_leaves_the_form_open_and_finishes_later(link: str) -> None:
    client = Client()
    page = text_of(client.post(link, form(action="later", has_accepted=False, name="متجر <سامي>")))
    assert "something is still missing" in page
    assert not open_account().is_ready
    assert "متجر &lt;سامي&gt;" in text_of(client.get(link))
    assert "is ready" in text_of(client.post(link, form()))


def test_a_link_to_the_form_expires_and_leads_to_a_new_one(link: str, settings: Any) -> None:
    with time_machine.travel(database_now() + settings.ONBOARDING_LINK_EXPIRES_AFTER + timedelta(seconds=2)):
        page = text_of(Client().get(link), 410)
        assert 'href="http://testserver/again"' in page
        Client().post(link, form())
        assert APIClient().post(f"{link}/complete").status_code == 409
    assert not open_account().is_ready


def test_a_program_completes_an_account(link: str) -> None:
    for _ in range(2):
        answer = APIClient().post(f"{link}/complete")
        assert answer.json()["data"] == {"id": open_account().pk, "charges_enabled": True}
    assert APIClient().post(f"{link}x/complete").status_code == 404


@pytest.mark.parametrize("secret", ["%00", "a%00b", "a" * 4_001, "%F0%9F%98%80", "a%20b"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "pay/{}"),
        ("post", "pay/{}"),
        ("post", "pay/{}/challenge"),
        ("get", "cards/{}"),
        ("post", "cards/{}"),
        ("post", "cards/{}/save"),
        ("get", "onboarding/{}"),
        ("post", "onboarding/{}"),
        ("post", "onboarding/{}/complete"),
        ("get", "payments/{}"),
        ("post", "payments/{}/confirm"),
        ("post", "payments/{}/challenge"),
    ],
)
def test_an_address_that_can_have_no_page_is_not_found(method: str, path: str, secret: str) -> None:
    response = Client().generic(method.upper(), f"/sandbox/{path.format(secret)}")
    assert response.status_code == 404


def test_a_form_with_nul_characters_is_kept_without_them(account: SandboxAccount) -> None:
    accounts.ask_again(account.pk)
    token = accounts.onboarding_token(account.pk, return_url="", refresh_url="")
    response = Client().post(f"/sandbox/onboarding/{token}", {"name": "A\x00B", "iban": "\x00"})
    assert response.status_code == 200
    account.refresh_from_db()
    assert account.legal_name == "AB"
