"""Deleting an account: what keeps a person from it, and how staff do it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, transaction
from django.test import Client
from django.utils.translation import gettext_noop

from accounts import hooks
from accounts.access import lock_open_account
from accounts.models import Follow, RefreshFamily, User
from accounts.services import deletion, moderation
from accounts.tests.calls import code_of, log_in
from accounts.tests.factories import PASSWORD, client_for, follow, make_staff, make_user
from soukloop.core.errors import Conflict, DomainError, Forbidden

pytestmark = pytest.mark.django_db

ME = "/api/v1/auth/me"
OPEN_ORDERS = hooks.AccountObligation("open_orders", gettext_noop("Orders are open."), 2)
DEBT = hooks.AccountObligation("debt", "You owe 5.25 AED.", 1)


@pytest.fixture
def obligations(monkeypatch: pytest.MonkeyPatch) -> list[hooks.AccountObligation]:
    """Let two apps refuse the deletion, for what is put into this list and for a debt."""
    found: list[hooks.AccountObligation] = []
    monkeypatch.setattr(hooks.account_deletion_blockers, "_callbacks", [])
    hooks.account_deletion_blockers.register(lambda user: found)
    hooks.account_deletion_blockers.register(lambda user: [DEBT] if found else [])
    return found


@pytest.mark.parametrize(("method", "path"), [("delete", ME), ("post", f"{ME}/delete")])
def test_an_account_with_obligations_is_not_deleted_and_stays_as_it_was(
    obligations: Any, guest: Any, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    closed: list[User] = []
    monkeypatch.setattr(hooks.account_closed, "_callbacks", [closed.append])
    user = make_user()
    follow(user, make_user())
    log_in(guest, user.email)
    obligations.append(OPEN_ORDERS)
    before = User.objects.filter(pk=user.pk).values().get()

    answer = getattr(client_for(user), method)(path, {"password": PASSWORD})

    assert code_of(answer) == (409, "account_has_obligations")
    assert answer.json()["error"]["details"] == {
        "obligations": [
            {"kind": "open_orders", "text": "Orders are open.", "count": 2},
            {"kind": "debt", "text": "You owe 5.25 AED.", "count": 1},
        ]
    }
    assert User.objects.filter(pk=user.pk).values().get() == before
    assert (Follow.objects.count(), RefreshFamily.objects.count(), closed) == (1, 1, [])
    obligations.clear()
    assert getattr(client_for(user), method)(path, {"password": PASSWORD}).status_code == 200


def test_a_wrong_password_learns_nothing_of_obligations(obligations: Any) -> None:
    user = make_user()
    obligations.append(OPEN_ORDERS)
    answer = client_for(user).post(f"{ME}/delete", {"password": "Wrong123!@#"})
    assert list(answer.json()["error"]["details"]) == ["password"]


def test_a_superuser_deletes_the_account_of_somebody_who_asked_even_if_banned(obligations: Any) -> None:
    boss, user = make_staff(), make_user(email="layla@example.com")
    moderation.ban_user(actor=boss, user_id=user.pk, reason="Fraud")
    obligations.append(OPEN_ORDERS)
    with pytest.raises(Conflict) as refused:
        deletion.delete_account_for_owner(actor=boss, user_id=user.pk, reason="Asked by mail")
    assert refused.value.code == "account_has_obligations"
    obligations.clear()

    browser = Client()
    browser.force_login(boss)
    data = {
        "action": "delete_account",
        "_selected_action": [str(user.pk)],
        "reason": "Asked by mail",
        "confirmed": "1",
    }
    browser.post("/admin/accounts/user/", data, follow=True)

    user.refresh_from_db()
    assert (user.deleted_at is not None, user.email) == (True, f"{user.pk.hex}@deleted.invalid")
    assert LogEntry.objects.filter(object_id=str(user.pk)).first().change_message == "Deleted: Asked by mail"  # type: ignore[union-attr]


def test_moderators_delete_no_account_and_nobody_their_own_by_the_admin() -> None:
    boss, user = make_staff(), make_user()
    moderator = moderation.set_staff(actor=boss, user_id=make_user().pk, is_staff=True, reason="New")
    for actor, target in ((moderator, user), (boss, boss)):
        with pytest.raises(Forbidden):
            deletion.delete_account_for_owner(actor=actor, user_id=target.pk, reason="x")
        target.refresh_from_db()
        assert target.deleted_at is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["deletion", "order"])
def test_an_obligation_that_begins_during_a_deletion_refuses_it_or_is_refused(
    obligations: Any, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    user = make_user()
    holds_lock, other_began = threading.Event(), threading.Event()

    def wait_for_other(user: User | None = None) -> list[hooks.AccountObligation]:
        holds_lock.set()
        assert other_began.wait(20)
        return []

    if first == "deletion":
        hooks.account_deletion_blockers.register(wait_for_other)

    def order() -> str:
        with transaction.atomic():
            if first == "deletion":
                other_began.set()
            lock_open_account(user.pk)
            if first == "order":
                wait_for_other()
            obligations.append(OPEN_ORDERS)
        return "ordered"

    def delete() -> str:
        if first == "order":
            other_began.set()
        deletion.delete_account(actor=user, password=PASSWORD)
        return "deleted"

    def outcome(call: Any) -> str:
        try:
            return call()
        except DomainError as error:
            return error.code
        finally:
            connection.close()

    calls = [delete, order] if first == "deletion" else [order, delete]
    with ThreadPoolExecutor() as pool:
        leader = pool.submit(outcome, calls[0])
        assert holds_lock.wait(20)
        follower = pool.submit(outcome, calls[1])
        results = leader.result(60), follower.result(60)
    expected = {
        "deletion": ("deleted", "account_deleted"),
        "order": ("ordered", "account_has_obligations"),
    }
    assert results == expected[first]
