"""The admin's screen of users: login, search, actions, permissions."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from accounts import hooks
from accounts.models import User
from accounts.services import moderation
from accounts.tests.factories import PASSWORD, client_for, make_staff, make_user
from soukloop.core.errors import Conflict, Forbidden

pytestmark = pytest.mark.django_db

LIST = "/admin/accounts/user/"


@pytest.fixture
def boss() -> Any:
    return make_staff(email="boss@example.com", username="boss")


@pytest.fixture
def moderator(boss: Any) -> Any:
    user = make_user(email="mo@example.com", username="moderator")
    return moderation.set_staff(actor=boss, user_id=user.pk, is_staff=True, reason="new colleague")


@pytest.fixture
def desk(moderator: Any) -> Any:
    browser = Client()
    browser.force_login(moderator)
    return browser


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Any:
    seen: list[User] = []
    monkeypatch.setattr(hooks.account_closed, "_callbacks", [seen.append])
    return seen


def act(browser: Any, action: Any, *users: Any, **fields: Any) -> Any:
    data = {"action": action, "_selected_action": [str(user.pk) for user in users], **fields}
    return browser.post(LIST, data, follow=True)


@pytest.mark.parametrize("identifier", ["mo@example.com", "MODERATOR", "+971501234567"])
def test_staff_log_in_by_email_username_or_phone(moderator: Any, identifier: Any) -> None:
    User.objects.filter(pk=moderator.pk).update(phone="+971501234567", phone_confirmed_at=timezone.now())
    browser = Client()
    answer = browser.post("/admin/login/?next=/admin/", {"username": identifier, "password": PASSWORD})
    assert answer.status_code == 302
    assert browser.get(LIST).status_code == 200


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False, "banned_at": timezone.now()}])
def test_others_cannot_log_in_and_former_staff_are_logged_out_at_once(
    moderator: Any, desk: Any, change: Any
) -> None:
    User.objects.filter(pk=moderator.pk).update(**change)
    assert desk.get(LIST).status_code == 302
    answer = Client().post("/admin/login/", {"username": "mo@example.com", "password": PASSWORD})
    assert answer.status_code == 200
    assert b"Please enter the correct" in answer.content


def test_password_guesses_at_the_admin_login_are_limited(boss: Any, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"login_identifier": (2, 300)}
    browser = Client()
    for _ in range(2):
        browser.post("/admin/login/", {"username": "boss@example.com", "password": "Wrong123!@#"})
    answer = browser.post("/admin/login/", {"username": "boss@example.com", "password": PASSWORD})
    assert answer.status_code == 200
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize(
    ("term", "finds"),
    [
        ("layla@", True),
        ("LAYLA.M", True),
        ("050 123 4567", True),
        ("+971501234567", True),
        ("Mansour", True),
        ("nobody", False),
    ],
)
def test_people_are_found_by_email_phone_username_or_name(desk: Any, term: Any, finds: Any) -> None:
    make_user(email="layla@example.com", username="layla.m", phone="+971501234567", full_name="Layla Mansour")
    page = desk.get(LIST, {"q": term}).content.decode()
    assert ("layla@example.com" in page) is finds


def test_people_are_filtered_by_whether_a_contact_is_confirmed(desk: Any) -> None:
    make_user(username="confirmed")
    make_user(username="unconfirmed", is_verified=False)
    for value, shown, hidden in ((1, ">confirmed<", "unconfirmed"), (0, "unconfirmed", ">confirmed<")):
        page = desk.get(LIST, {"is_verified__exact": value}).content.decode()
        assert shown in page
        assert hidden not in page


def test_the_list_has_a_constant_number_of_queries(desk: Any, django_assert_num_queries: Any) -> None:
    def count(people: Any) -> None:
        for _ in range(people):
            make_user()
        with django_assert_num_queries(6):
            assert desk.get(LIST).status_code == 200

    desk.get(LIST)
    count(3)
    count(10)


def test_a_persons_page_shows_no_secret_and_no_editable_field(desk: Any) -> None:
    user = make_user(last_login_at="2026-02-03T20:30:00Z")
    page = desk.get(f"{LIST}{user.pk}/change/").content.decode()
    assert user.email in page
    assert user.password not in page
    assert "pbkdf2" not in page
    assert "token_version" not in page
    assert "4 Feb 2026, 00:30" in page  # Dubai's time
    assert 'name="_save"' not in page
    assert '<input type="text"' not in page.split('id="user_form"')[1]


def test_staff_cannot_edit_add_or_delete_people(desk: Any, boss: Any) -> None:
    browser = Client()
    browser.force_login(boss)
    user = make_user(username="before")
    for who in (desk, browser):
        answer = who.post(f"{LIST}{user.pk}/change/", {"username": "after", "is_superuser": "on"})
        assert answer.status_code == 403
        assert who.get(f"{LIST}add/").status_code == 403
        assert who.post(f"{LIST}{user.pk}/delete/", {"post": "yes"}).status_code == 403
        assert "delete_selected" not in who.get(LIST).content.decode()
    user.refresh_from_db()
    assert (user.username, user.is_superuser) == ("before", False)


def test_the_list_is_filtered_by_state(desk: Any) -> None:
    deleted = {"deleted_at": timezone.now(), "is_active": False}
    banned = {"banned_at": timezone.now(), "is_active": False}
    people = {"here": {}, "banned": banned, "deleted": deleted, "both": deleted | banned}
    for name, fields in people.items():
        make_user(username=f"{name}_1", **fields)
    for state, names in (("active", {"here"}), ("banned", {"banned"}), ("deleted", {"deleted", "both"})):
        page = desk.get(LIST, {"state": state}).content.decode()
        assert {name for name in people if f">{name}_1<" in page} == names


def test_a_persons_page_offers_only_actions_that_apply(desk: Any, boss: Any) -> None:
    def offered(browser: Any, user: Any) -> Any:
        return re.findall(
            r'name="action" value="(\w+)"', browser.get(f"{LIST}{user.pk}/change/").content.decode()
        )

    browser = Client()
    browser.force_login(boss)
    user = make_user()
    assert offered(desk, user) == ["ban", "give_badge"]
    assert offered(browser, user) == ["ban", "give_badge", "make_staff", "add_to_finance", "delete_account"]
    moderation.set_verified_badge(actor=boss, user_id=user.pk, is_given=True, reason="x")
    moderation.ban_user(actor=boss, user_id=user.pk, reason="x")
    assert offered(browser, user) == ["unban", "remove_badge", "delete_account"]
    assert offered(desk, make_user(deleted_at=timezone.now(), is_active=False)) == []


def test_a_ban_asks_for_a_reason_first(desk: Any, closed: Any) -> None:
    user = make_user(username="rowdy")
    for fields in ({}, {"confirmed": "yes"}, {"confirmed": "yes", "reason": "  "}):
        page = act(desk, "ban", user, **fields).content.decode()
        assert "@rowdy" in page
        assert 'name="reason"' in page
    user.refresh_from_db()
    assert user.is_active
    assert closed == []


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("\u200b", "This field has no visible characters."),
        ("bell \x07", "Character 6 is U+0007, which cannot be seen."),
    ],
)
def test_an_invisible_reason_is_asked_for_again(desk: Any, reason: Any, expected: Any) -> None:
    user = make_user()
    assert expected in act(desk, "ban", user, confirmed="yes", reason=reason).content.decode()
    user.refresh_from_db()
    assert user.is_active


def test_a_reason_keeps_its_line_breaks(desk: Any) -> None:
    user = make_user()
    act(desk, "ban", user, confirmed="yes", reason="Sold fakes.\r\nTwice.")
    user.refresh_from_db()
    assert user.ban_reason == "Sold fakes.\nTwice."


def test_a_line_end_counts_as_one_character_of_a_reason(desk: Any) -> None:
    user = make_user()
    act(desk, "ban", user, confirmed="yes", reason="a\x0b" + "\r\n" * 249 + "b" * 249)
    user.refresh_from_db()
    assert user.ban_reason == "a" + "\n" * 250 + "b" * 249


def test_a_ban_ends_access_and_an_unban_restores_it(
    desk: Any, moderator: Any, closed: Any, captured_events: Any, django_capture_on_commit_callbacks: Any
) -> None:
    user = make_user(username="rowdy")
    client = client_for(user)
    with django_capture_on_commit_callbacks(execute=True):
        answer = act(desk, "ban", user, confirmed="yes", reason="Sold fakes")
    assert "@rowdy is banned." in answer.content.decode()
    assert answer.redirect_chain == [(f"{LIST}{user.pk}/change/", 302)]
    user.refresh_from_db()
    assert (user.is_active, user.ban_reason, user.token_version) == (False, "Sold fakes", 1)
    assert client.get("/api/v1/auth/me").json()["error"]["code"] == "account_banned"
    assert captured_events == [(f"user.{user.pk}", "close", {"reason": "This account is banned."})]
    assert closed == [user]
    entry = LogEntry.objects.latest("pk")
    assert (entry.user, entry.object_id, entry.change_message) == (
        moderator,
        str(user.pk),
        "Banned: Sold fakes",
    )
    assert "Banned: Sold fakes" in desk.get(f"{LIST}{user.pk}/history/").content.decode()

    act(desk, "unban", user, confirmed="yes", reason="Were real")
    user.refresh_from_db()
    assert (user.is_active, user.banned_at, user.ban_reason) == (True, None, "")
    assert client_for(user).get("/api/v1/auth/me").status_code == 200


def test_banning_several_people_reports_each_result(desk: Any) -> None:
    fresh, banned = make_user(username="fresh"), make_user(is_active=False, banned_at=timezone.now())
    page = act(desk, "ban", fresh, banned, confirmed="yes", reason="Spam").content.decode()
    assert "@fresh is banned." in page
    assert f"{banned}: This account is already banned." in page


def test_the_badge_is_given_and_removed(desk: Any) -> None:
    user = make_user()
    act(desk, "give_badge", user, confirmed="yes", reason="Saw the licence")
    user.refresh_from_db()
    assert user.has_verified_badge
    act(desk, "remove_badge", user, confirmed="yes", reason="Licence expired")
    user.refresh_from_db()
    assert not user.has_verified_badge
    assert LogEntry.objects.filter(object_id=str(user.pk)).count() == 2


def test_a_moderator_can_ban_neither_staff_nor_themself(desk: Any, moderator: Any, boss: Any) -> None:
    for victim in (boss, moderator):
        act(desk, "ban", victim, confirmed="yes", reason="x")
        victim.refresh_from_db()
        assert victim.is_active
    with pytest.raises(Forbidden):
        moderation.ban_user(actor=moderator, user_id=boss.pk, reason="x")


def test_only_superusers_change_who_is_staff(desk: Any, boss: Any, moderator: Any) -> None:
    user = make_user()
    act(desk, "make_staff", user, confirmed="yes", reason="x")
    user.refresh_from_db()
    assert not user.is_staff
    with pytest.raises(Forbidden):
        moderation.set_staff(actor=moderator, user_id=user.pk, is_staff=True, reason="x")

    browser = Client()
    browser.force_login(boss)
    act(browser, "make_staff", user, confirmed="yes", reason="New colleague")
    user = User.objects.get(pk=user.pk)
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert user.has_perm("accounts.change_user")
    assert not user.has_perm("auth.change_group")
    act(browser, "remove_staff", user, confirmed="yes", reason="Left")
    user = User.objects.get(pk=user.pk)
    assert not user.is_staff
    assert not user.has_perm("accounts.change_user")


def test_staff_with_view_permission_only_are_offered_no_action(boss: Any) -> None:
    viewer = make_user(is_staff=True)
    moderation.set_staff(actor=boss, user_id=make_user().pk, is_staff=True, reason="x")
    group = viewer.groups.create(name="Viewers")
    group.permissions.set(
        viewer.groups.model.objects.get(name="Moderators").permissions.filter(codename="view_user")
    )
    browser = Client()
    browser.force_login(viewer)
    user = make_user()
    assert browser.get(LIST).status_code == 200
    act(browser, "ban", user, confirmed="yes", reason="x")
    user.refresh_from_db()
    assert user.is_active
    assert "row-actions" not in browser.get(f"{LIST}{user.pk}/change/").content.decode().split("</style>")[-1]


@pytest.mark.parametrize(
    ("call", "fields", "code"),
    [
        (moderation.ban_user, {"deleted_at": "2026-01-01T00:00:00Z", "is_active": False}, "account_deleted"),
        (moderation.unban_user, {}, "not_banned"),
    ],
)
def test_an_action_that_does_not_apply_is_a_conflict_and_changes_nothing(
    boss: Any, call: Any, fields: Any, code: Any
) -> None:
    user = make_user(**fields)
    before = User.objects.filter(pk=user.pk).values().get()
    with pytest.raises(Conflict) as caught:
        call(actor=boss, user_id=user.pk, reason="x")
    assert caught.value.code == code
    assert User.objects.filter(pk=user.pk).values().get() == before
    assert not LogEntry.objects.exists()
