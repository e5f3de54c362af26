"""Sellers' accounts at the card provider and saved cards: one each, whatever happens at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from accounts.models import User
from accounts.tests.factories import client_for, make_seller, make_user
from notifications.models import Notification
from payments.labels import requirement_text
from payments.models import (
    SandboxAccount,
    SandboxCardSetup,
    SavedCard,
    SellerAccount,
)
from payments.providers.base import ProviderRefused, ProviderUnavailable
from payments.providers.sandbox import SandboxProvider
from payments.providers.sandbox import accounts as sandbox
from payments.services import accounts, cards
from payments.services.advance import advance_account
from soukloop.core.errors import Forbidden

pytestmark = pytest.mark.django_db
RunJobs = Callable[[], list[str]]

ACCOUNT, LINK, CARD = (
    "/api/v1/payments/account",
    "/api/v1/payments/account/onboarding",
    "/api/v1/payments/card",
)


@pytest.fixture
def seller() -> User:
    return make_seller()


def get(seller: User, path: str, **headers: Any) -> Any:
    return client_for(seller).get(path, **headers).json()["data"]


def complete(link: str) -> None:
    sandbox.complete_account(sandbox.read_onboarding_token(link.rsplit("/", 1)[-1])[0].pk)  # type: ignore[union-attr]


def at_once(call: Callable[[], Any], times: int = 4) -> list[Any]:
    """Return what a function returns when several threads call it at the same time."""
    barrier = threading.Barrier(times)

    def run() -> Any:
        try:
            barrier.wait(60)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return [future.result(60) for future in [pool.submit(run) for _ in range(times)]]


def kinds_told(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user).order_by("pk").values_list("kind", flat=True))


def test_a_seller_begins_completes_the_page_and_is_told(seller: User, run_jobs: RunJobs) -> None:
    client = client_for(seller)
    assert get(seller, ACCOUNT) == {
        "state": "not_started",
        "provider": None,
        "charges_enabled": False,
        "payouts_enabled": False,
        "requirements": [],
        "checked_at": None,
    }
    assert client.post(ACCOUNT).json()["data"]["state"] == "incomplete"
    run_jobs()
    open_account = get(seller, ACCOUNT)
    assert (open_account["state"], open_account["provider"]) == ("incomplete", "sandbox")
    assert "Enter the IBAN of your bank account" in [each["text"] for each in open_account["requirements"]]
    in_arabic = get(seller, ACCOUNT, HTTP_ACCEPT_LANGUAGE="ar")
    assert "أدخل رقم الآيبان لحسابك البنكي" in [each["text"] for each in in_arabic["requirements"]]

    link = client.post(LINK).json()["data"]
    assert "/sandbox/onboarding/" in link["url"]
    complete(link["url"])
    run_jobs()
    ready = get(seller, ACCOUNT)
    assert (ready["state"], ready["charges_enabled"], ready["payouts_enabled"]) == ("ready", True, True)
    assert ready["requirements"] == []
    assert kinds_told(seller) == ["payment_account_ready"]


def test_requirements_that_open_again_are_told_once(seller: User, run_jobs: RunJobs) -> None:
    url, _ = accounts.onboarding_link(actor=seller)
    complete(url)
    run_jobs()
    account = SellerAccount.objects.get(seller=seller)
    sandbox.ask_again(account.external_id)
    run_jobs()
    accounts.refresh_account(account.pk)
    assert kinds_told(seller).count("payment_account_incomplete") == 1
    now_open = get(seller, ACCOUNT)
    assert (now_open["state"], len(now_open["requirements"])) == ("incomplete", 1)


def test_onboarding_begins_the_account_where_there_is_none(seller: User) -> None:
    accounts.onboarding_link(actor=seller)
    account = SellerAccount.objects.get(seller=seller)
    assert SandboxAccount.objects.get().pk == account.external_id
    assert SandboxAccount.objects.get().reference == str(account.pk)


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_make_one_account_and_one_form(seller: User) -> None:
    links = at_once(lambda: accounts.onboarding_link(actor=seller))
    assert len(links) == 4
    assert SellerAccount.objects.count() == SandboxAccount.objects.count() == 1

    forms = at_once(lambda: cards.begin_card_setup(actor=seller)[1])
    assert len(set(forms)) == 1
    assert SavedCard.objects.count() == SandboxCardSetup.objects.count() == 1


def test_buyers_have_no_account_and_no_card(run_jobs: RunJobs) -> None:
    buyer = make_user()
    for call in (accounts.begin_onboarding, accounts.onboarding_link, cards.begin_card_setup):
        with pytest.raises(Forbidden):
            call(actor=buyer)
    assert not SellerAccount.objects.exists()
    assert not SavedCard.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_provider_is_asked_outside_transactions(seller: User, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(name: str) -> None:
        original = getattr(SandboxProvider, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            asked.append(name)
            assert not connection.in_atomic_block, name
            return original(*args, **kwargs)

        monkeypatch.setattr(SandboxProvider, name, call)

    for name in ("create_account", "onboarding_url", "create_card_setup", "fetch_card_setup"):
        spy(name)
    client = client_for(seller)
    assert [client.post(path).status_code for path in (ACCOUNT, LINK, CARD, CARD)] == [200] * 4
    assert asked == ["create_account", "onboarding_url", "create_card_setup", "fetch_card_setup"]


@pytest.mark.parametrize(
    ("error", "status", "codes"),
    [
        (ProviderUnavailable(), 503, ["provider_unavailable"] * 2),
        (ProviderRefused("account_invalid"), 409, ["payment_account_refused", "card_form_refused"]),
    ],
)
def test_what_the_provider_refuses_or_does_not_answer_is_said(
    seller: User, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, codes: list[str]
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(SandboxProvider, "onboarding_url", fail)
    monkeypatch.setattr(SandboxProvider, "create_card_setup", fail)
    answers = [client_for(seller).post(path) for path in (LINK, CARD)]
    assert [answer.status_code for answer in answers] == [status] * 2
    assert [answer.json()["error"]["code"] for answer in answers] == codes


def save(seller: User, card: str = "success") -> None:
    _, client_secret = cards.begin_card_setup(actor=seller)
    sandbox.save_card(client_secret, card)


def test_a_seller_saves_a_card_and_is_told(seller: User, run_jobs: RunJobs) -> None:
    nothing = {"is_saved": False, "brand": "", "last4": "", "expires_on": None, "saved_at": None}
    assert get(seller, CARD) == {**nothing, "provider": None}
    form = client_for(seller).post(CARD).json()["data"]
    assert form["url"].endswith(f"/sandbox/cards/{form['client_secret']}")
    assert get(seller, CARD)["is_saved"] is False

    sandbox.save_card(form["client_secret"], "success")
    run_jobs()
    saved = get(seller, CARD)
    assert (saved["is_saved"], saved["brand"], saved["last4"]) == (True, "visa", "4242")
    assert saved["expires_on"] == "2034-12-31"
    assert kinds_told(seller) == ["payment_card_saved"]
    assert SavedCard.objects.get().client_secret == ""


def test_an_open_form_is_opened_again_and_its_secret_is_stored_encrypted(seller: User) -> None:
    first, second = (cards.begin_card_setup(actor=seller)[1] for _ in range(2))
    assert first == second
    assert first not in SavedCard.objects.get().client_secret


def test_another_card_takes_the_place_of_the_saved_one(seller: User, run_jobs: RunJobs) -> None:
    save(seller)
    run_jobs()
    cards.begin_card_setup(actor=seller)
    assert get(seller, CARD)["last4"] == "4242"
    save(seller, "declined_later")
    run_jobs()
    assert get(seller, CARD)["last4"] == "0341"
    assert SandboxCardSetup.objects.values("customer").distinct().count() == 1
    assert kinds_told(seller)[-1] == "payment_card_saved"


def test_a_card_whose_message_was_lost_is_found_when_the_form_is_opened_again(seller: User) -> None:
    save(seller)
    cards.begin_card_setup(actor=seller)
    assert get(seller, CARD)["last4"] == "4242"


def test_a_saved_card_is_removed(seller: User, run_jobs: RunJobs) -> None:
    save(seller)
    run_jobs()
    client = client_for(seller)
    assert client.delete(CARD).status_code == 204
    assert get(seller, CARD)["is_saved"] is False
    assert client.delete(CARD).status_code == 404
    assert run_jobs() == ["payments.remove_card"]
    assert not SandboxCardSetup.objects.exists()


def test_an_account_of_another_id_changes_nothing(seller: User) -> None:
    accounts.onboarding_link(actor=seller)
    account = SellerAccount.objects.get()
    other = sandbox.create_account(reference="other", email="", country="AE", key="other")
    told = SandboxProvider().fetch_account(other.pk)
    advance_account(account.pk, told)
    account.refresh_from_db()
    assert account.external_id != other.pk


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("external_account", "Enter the IBAN of your bank account"),
        ("company.address.city", "Enter the address of your business"),
        ("person_1AbC.verification.document", "Upload your passport or Emirates ID"),
        ("tos_acceptance.ip", "Accept the provider's terms"),
        ("companyx", "Answer a further question of the payment provider"),
    ],
)
def test_requirements_are_texts_for_people(name: str, text: str) -> None:
    assert str(requirement_text(name)) == text
