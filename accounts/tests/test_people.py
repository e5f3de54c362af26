"""Other people: profiles, follows and blocks over REST."""

import uuid
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.utils import timezone

from accounts.models import Block, Follow, Mute
from accounts.tests.calls import code_of
from accounts.tests.factories import block, client_for, follow, make_seller, make_user

pytestmark = pytest.mark.django_db


def url(user: Any, *rest: Any) -> Any:
    return "/".join([f"/api/v1/users/{user.pk}", *rest])


@pytest.fixture
def seller(db: None) -> Any:
    return make_seller(
        username="layla",
        email="layla@example.com",
        phone="+971501234567",
        bio="Sneakers",
        neighborhood="Dubai Marina",
        location=Point(55, 25, srid=4326),
    )


def test_a_profile_shows_what_is_public_and_nothing_else(
    guest: Any, client: Any, user: Any, seller: Any
) -> None:
    follow(user, seller)
    data = client.get(url(seller)).json()["data"]
    assert data == {
        "id": str(seller.pk),
        "username": "layla",
        "full_name": seller.full_name,
        "avatar_url": None,
        "avatar": None,
        "role": "seller",
        "is_verified": True,
        "has_verified_badge": False,
        "bio": "Sneakers",
        "followers_count": 1,
        "following_count": 0,
        "rating": {"average": None, "count": 0},
        "is_following": True,
        "created_at": seller.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert guest.get(url(seller)).json()["data"] == data | {"is_following": False}


@pytest.mark.parametrize("state", ["banned_at", "deleted_at"])
def test_a_closed_account_is_not_found_and_not_counted(
    client: Any, user: Any, seller: Any, state: Any
) -> None:
    closed = make_user(is_active=False, **{state: timezone.now()})
    follow(closed, seller)
    for call in (
        client.get(url(closed)),
        client.post(url(closed, "follow")),
        client.get(url(closed, "followers")),
    ):
        assert code_of(call) == (404, "user_not_found")
    assert client.get(url(seller)).json()["data"]["followers_count"] == 0
    assert client.get(url(seller, "followers")).json()["data"]["total"] == 0


def test_an_unknown_or_malformed_id_is_404(client: Any) -> None:
    assert code_of(client.get(f"/api/v1/users/{uuid.uuid4()}")) == (404, "user_not_found")
    assert client.get("/api/v1/users/42").status_code == 404
    assert client.post(f"/api/v1/users/{uuid.uuid4()}/follow").status_code == 404
    assert client.post(f"/api/v1/users/{uuid.uuid4()}/block").status_code == 404


def test_following_twice_stores_one_follow(client: Any, user: Any, seller: Any) -> None:
    for _ in range(2):
        answer = client.post(url(seller, "follow"))
        assert answer.status_code == 200
        assert answer.json()["data"]["is_following"] is True
        assert answer.json()["data"]["followers_count"] == 1
    assert list(Follow.objects.values_list("follower", "followed")) == [(user.pk, seller.pk)]
    for _ in range(2):
        answer = client.delete(url(seller, "follow"))
        assert answer.json()["data"]["is_following"] is False
        assert answer.json()["data"]["followers_count"] == 0
    assert not Follow.objects.exists()


def test_following_or_blocking_oneself_is_refused(client: Any, user: Any) -> None:
    assert code_of(client.post(url(user, "follow"))) == (400, "not_yourself")
    assert code_of(client.post(url(user, "block"))) == (400, "not_yourself")
    assert not Follow.objects.exists()
    assert not Block.objects.exists()


def test_a_guest_can_only_view_profiles(guest: Any, seller: Any) -> None:
    assert guest.get(url(seller)).status_code == 200
    for method, path in [
        ("post", url(seller, "follow")),
        ("delete", url(seller, "follow")),
        ("post", url(seller, "block")),
        ("delete", url(seller, "block")),
        ("get", url(seller, "followers")),
        ("get", url(seller, "following")),
        ("get", "/api/v1/auth/blocks"),
        ("get", "/api/v1/auth/me"),
        ("patch", "/api/v1/auth/me"),
        ("delete", "/api/v1/auth/me"),
        ("post", "/api/v1/auth/me/avatar"),
        ("post", "/api/v1/auth/logout-all"),
        ("post", "/api/v1/auth/change-password"),
        ("post", "/api/v1/auth/ws-ticket"),
    ]:
        assert code_of(getattr(guest, method)(path)) == (401, "not_authenticated"), path
    assert not Follow.objects.exists()
    assert not Block.objects.exists()


def test_a_block_hides_both_from_each_other_and_ends_follows(client: Any, user: Any, seller: Any) -> None:
    other = client_for(seller)
    follow(user, seller), follow(seller, user)
    assert client.post(url(seller, "block")).json()["data"] == {"message": "Blocked"}
    assert client.post(url(seller, "block")).status_code == 200
    assert Block.objects.count() == 1
    assert not Follow.objects.exists()
    for viewer, target in ((client, seller), (other, user)):
        assert viewer.get(url(target)).status_code == 404
        assert viewer.post(url(target, "follow")).status_code == 404
        assert viewer.get(url(target, "followers")).status_code == 404
    assert not Follow.objects.exists()

    [blocked] = client.get("/api/v1/auth/blocks").json()["data"]["items"]
    assert blocked["id"] == str(seller.pk)
    assert other.get("/api/v1/auth/blocks").json()["data"]["items"] == []
    # The other side can't lift it, only add one of its own.
    assert other.delete(url(user, "block")).status_code == 200
    assert client.get(url(seller)).status_code == 404
    other.post(url(user, "block"))
    client.delete(url(seller, "block"))
    assert client.get(url(seller)).status_code == 404
    other.delete(url(user, "block"))
    assert client.get(url(seller)).status_code == 200


def test_lists_of_people_are_newest_first_in_pages_without_blocked_people(
    client: Any, user: Any, seller: Any
) -> None:
    people = [make_user() for _ in range(5)]
    for person in people:
        follow(person, seller)
        follow(seller, person)
    follow(user, people[4])
    block(people[3], user)

    for kind in ("followers", "following"):
        page = client.get(url(seller, kind), {"per_page": 2}).json()["data"]
        assert [row["username"] for row in page["items"]] == [people[4].username, people[2].username]
        assert [row["is_following"] for row in page["items"]] == [True, False]
        assert (page["page"], page["per_page"], page["total"], page["has_more"]) == (1, 2, 4, True)
        page = client.get(url(seller, kind), {"per_page": 2, "page": 2}).json()["data"]
        assert [row["username"] for row in page["items"]] == [people[1].username, people[0].username]
        assert page["has_more"] is False
        assert "email" not in page["items"][0]
        assert code_of(client.get(url(seller, kind), {"page": "x"})) == (400, "validation_error")


@pytest.mark.parametrize(("kind", "queries"), [("followers", 5), ("following", 5)])
def test_lists_have_a_constant_number_of_queries(
    client: Any, seller: Any, django_assert_num_queries: Any, kind: Any, queries: Any
) -> None:
    for _ in range(2):
        for _ in range(4):
            follow(make_user(), seller)
            follow(seller, make_user())
        with django_assert_num_queries(queries):
            assert client.get(url(seller, kind)).status_code == 200


def test_a_profile_takes_six_queries(client: Any, seller: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(6):
        client.get(url(seller))


def test_muting_is_repeatable_reversible_and_hidden_from_the_other_person(
    client: Any, user: Any, seller: Any
) -> None:
    before = client_for(seller).get(url(user)).json()["data"]
    for _ in range(2):
        assert client.post(url(seller, "mute")).json()["data"] == {"message": "Muted"}
    [muted] = client.get("/api/v1/auth/mutes").json()["data"]["items"]
    assert muted["username"] == "layla"
    assert client_for(seller).get("/api/v1/auth/mutes").json()["data"]["items"] == []
    assert client_for(seller).get(url(user)).json()["data"] == before
    for _ in range(2):
        assert client.delete(url(seller, "mute")).json()["data"] == {"message": "Unmuted"}
    assert not Mute.objects.exists()


def test_nobody_mutes_himself_or_a_person_who_is_not_there(client: Any, user: Any) -> None:
    assert code_of(client.post(url(user, "mute"))) == (400, "not_yourself")
    assert client.post(f"/api/v1/users/{uuid.uuid4()}/mute").status_code == 404
    assert not Mute.objects.exists()
