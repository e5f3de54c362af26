"""Searching people by name and username, and profiles by username."""

from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from accounts.selectors import search_people
from accounts.tests.factories import block, client_for, follow, make_user
from soukloop.core.http.pagination import Page

pytestmark = pytest.mark.django_db
URL = "/api/v1/users"


def found(viewer: User, text: str) -> list[str]:
    response = client_for(viewer).get(URL, {"q": text})
    assert response.status_code == 200, response.json()
    return [item["username"] for item in response.json()["data"]["items"]]


@pytest.fixture
def viewer() -> User:
    return make_user(username="viewer", full_name="Somebody Else")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("no", {"noura_k", "nouf"}),
        ("Noura", {"noura_k"}),
        ("@noura_k", {"noura_k"}),
        ("noura_k", {"noura_k"}),
        ("kaabi noura", {"noura_k"}),
        ("oura", set()),
        ("احمد", {"ahmad"}),
        ("أحمد", {"ahmad"}),
        ("أَحْمَد", {"ahmad"}),
        ("فاطمه", {"fatma"}),
        ("الكعبي", {"ahmad"}),
        ("zz", set()),
        ("%_", set()),
        ("..", set()),
        ("'; DROP", set()),
    ],
)
def test_people_are_found_by_the_beginnings_of_their_names(viewer: User, text: str, names: set[str]) -> None:
    make_user(username="noura_k", full_name="Noura Al Kaabi")
    make_user(username="nouf", full_name="Nouf")
    make_user(username="ahmad", full_name="أحمد الكعبي")
    make_user(username="fatma", full_name="فاطمة")
    assert set(found(viewer, text)) == names


def test_the_exact_username_comes_first_then_people_whom_the_viewer_follows(viewer: User) -> None:
    for username in ("sara1", "sara2", "sara"):
        make_user(username=username, full_name="Sara")
    badge = make_user(username="sara9", full_name="Sara", has_verified_badge=True)
    followed = make_user(username="zsara", full_name="Sara")
    follow(viewer, followed)
    assert found(viewer, "SARA") == ["sara", "zsara", badge.username, "sara1", "sara2"]
    listed = client_for(viewer).get(URL, {"q": "sara"}).json()["data"]["items"]
    assert [item["is_following"] for item in listed] == [False, True, False, False, False]


def test_blocked_people_and_closed_accounts_are_not_found(viewer: User) -> None:
    blocked, blocker, banned, shown = (make_user(username=f"mariam{n}", full_name="Mariam") for n in range(4))
    block(viewer, blocked)
    block(blocker, viewer)
    User.objects.filter(pk=banned.pk).update(is_active=False, banned_at="2026-01-01T00:00:00Z")
    assert found(viewer, "mariam") == [shown.username]
    assert found(viewer, blocked.username) == []


@pytest.mark.parametrize("text", ["", "a", " a ", "a" * 201])
def test_a_text_that_is_too_short_or_too_long_is_refused(viewer: User, text: str) -> None:
    response = client_for(viewer).get(URL, {"q": text})
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == ["q"]


def test_people_are_found_in_pages_with_two_queries(viewer: User, django_assert_num_queries: Any) -> None:
    for number in range(25):
        make_user(username=f"omar{number:02}", full_name="Omar")
    client = client_for(viewer)
    with django_assert_num_queries(3):  # the caller, the words of the text, the page
        first = client.get(URL, {"q": "omar"}).json()["data"]
    second = client.get(f"{URL}?q=omar&page=2").json()["data"]
    names = [item["username"] for item in first["items"] + second["items"]]
    assert names == [f"omar{number:02}" for number in range(25)]
    assert (first["total"], first["has_more"], second["has_more"]) == (25, True, False)
    beyond = client.get(f"{URL}?q=omar&page=9").json()["data"]
    assert (beyond["items"], beyond["total"]) == ([], 25)


def test_a_common_name_is_searched_by_the_index_and_only_so_many_people_are_ranked(
    viewer: User, settings: Any
) -> None:
    settings.PEOPLE_FOUND_MAX = 3
    for number in range(5):
        make_user(username=f"omar{number}", full_name="Omar")
    assert search_people("omar", viewer=viewer, page=Page(1, 20)).total == 3
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM accounts_user AS person WHERE is_active"
            " AND public.accounts_search_text(person.username || ' ' || person.full_name) LIKE '% om%'"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "user_search" in plan


@pytest.mark.parametrize("username", ["noura_k", "@noura_k", "NOURA_K"])
def test_a_profile_is_read_by_username(username: str) -> None:
    person = make_user(username="Noura_K")
    response = client_for(make_user()).get(f"{URL}/by-username/{username}")
    assert response.status_code == 200
    assert response.json()["data"]["id"] == str(person.pk)


def test_a_profile_is_not_read_by_username_across_a_block_or_of_nobody(viewer: User) -> None:
    person = make_user(username="noura_k")
    block(person, viewer)
    for username in ("noura_k", "nobody", "@", "%00x".replace("%00", "")):
        assert client_for(viewer).get(f"{URL}/by-username/{username}").status_code == 404
