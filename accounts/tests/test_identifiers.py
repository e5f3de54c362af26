"""Emails, usernames and phones: which are refused, and which are the same."""

from typing import Any

import pytest

from accounts.identifiers import normalize_email, normalize_identifier, normalize_phone
from accounts.reserved_usernames import is_reserved_username
from accounts.tests.calls import AUTH, code_of
from accounts.tests.factories import PASSWORD, client_for, make_user


@pytest.mark.parametrize(
    "email",
    [
        "x@localhost",
        "x@LOCALHOST",
        "x@mail.localhost",
        "x@printer.local",
        "x@db.internal",
        "x@router.lan",
        "x@[127.0.0.1]",
        "x@[IPv6:::1]",
        "x@127.0.0.1",
        "x@example",
        "x@example.",
        "x@.example.com",
        '"x y"@example.com',
        '"x\\\x01"@example.com',
        '"x\x0b"@example.com',
        "x\x00@example.com",
        "x\r\nRCPT TO:<y@example.com>@example.com",
        "x@example.com\r\nbcc: y@example.com",
        "x@example.com\ny",
        "x@example.com,y@example.com",
        "x@example.com;y@example.com",
        "x <x@example.com>",
        "x@@example.com",
        "x@exa mple.com",
        "x@example.com(comment)",
        "x\u202e@example.com\x7f",
        "لبنى@example.com",
        "",
        "@",
    ],
)
def test_an_address_that_no_mail_server_may_get_is_refused(email: str) -> None:
    assert normalize_email(email) is None


@pytest.mark.parametrize(
    ("typed", "email"),
    [
        (" Layla.M+souk@Example.co.uk ", "layla.m+souk@example.co.uk"),
        ("\u200elayla@example.com\u200f", "layla@example.com"),
        ("o'hara@example.com", "o'hara@example.com"),
        ("x@xn--mgbaam7a8h.xn--mgbaam7a8h", "x@xn--mgbaam7a8h.xn--mgbaam7a8h"),
    ],
)
def test_an_address_is_taken_in_one_spelling(typed: str, email: str) -> None:
    assert normalize_email(typed) == email


@pytest.mark.parametrize(
    "typed", ["٠٥٠-١٢٣-٤٥٦٧", "۰۵۰۱۲۳۴۵۶۷", "\u2068+971 50 123 4567\u2069", "０５０１２３４５６７"]
)
def test_a_phone_is_taken_in_one_spelling(typed: str) -> None:
    assert normalize_phone(typed) == normalize_identifier(typed) == "+971501234567"


@pytest.mark.parametrize(
    "username",
    [
        "support",
        "SUPPORT",
        "Soukloop",
        "souk_loop",
        "s.o.u.k.l.o.o.p",
        "s0ukl00p",
        "soukIoop",
        "sooukloop",
        "soukloop_dubai",
        "the.soukloop.team",
        "root",
        "r00t",
        "admin",
        "adm1n",
        "4dmin",
        "admin24",
        "a.d.m.i.n",
        "adrnin",
        "moderator",
        "m0derat0r",
        "staff",
        "help",
        "helpp",
        "he1p",
        "security",
        "secur1ty",
        "official",
        "offlcial",
        "0fficial",
        "support.team",
        "support_uae",
        "customer.support",
        "supp0rt_2026",
    ],
)
def test_a_username_that_passes_for_the_company_or_its_staff_is_reserved(username: str) -> None:
    assert is_reserved_username(username)


@pytest.mark.parametrize(
    "username",
    [
        "testbuyer",
        "testseller",
        "layla.m",
        "omar",
        "souk.lover",
        "loopy",
        "rooted",
        "helpful_hana",
        "staffan",
        "sam_official",
        "modest.wear",
        "dubai.care",
        "adminah",
        "supporter_of_sharjah",
        "sara_2026",
    ],
)
def test_other_usernames_are_free(username: str) -> None:
    assert not is_reserved_username(username)


@pytest.mark.django_db
def test_nobody_registers_or_changes_to_a_reserved_username_and_its_holder_keeps_it(guest: Any) -> None:
    body = {"email": "x@example.com", "username": "Supp0rt", "password": PASSWORD}
    answer = guest.post(f"{AUTH}/register", body)
    assert code_of(answer) == (400, "validation_error")
    message = "This username is reserved. Choose another one."
    assert answer.json()["error"]["details"] == {"username": [message]}
    other = make_user(username="layla")
    assert code_of(client_for(other).patch(f"{AUTH}/me", {"username": "root"})) == (400, "validation_error")
    holder = make_user(username="support")
    changed = client_for(holder).patch(f"{AUTH}/me", {"username": "support", "bio": "Here before the rule"})
    assert changed.status_code == 200


@pytest.mark.django_db
def test_hidden_characters_do_not_reach_names(guest: Any) -> None:
    body = {
        "email": "\u200elayla@example.com",
        "username": "\u200flayla",
        "password": PASSWORD,
        "full_name": "Lay\u200bla\u202e Mansour",
    }
    user = guest.post(f"{AUTH}/register", body).json()["data"]["user"]
    assert (user["username"], user["full_name"]) == ("layla", "Layla Mansour")
    for username in ("lay\u200dla", "lay\u0430la", "layla\u3164"):
        answer = guest.post(f"{AUTH}/register", body | {"username": username, "email": "b@example.com"})
        assert code_of(answer) == (400, "validation_error")
