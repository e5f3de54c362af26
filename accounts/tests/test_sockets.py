"""Authentication of sockets: tickets and access tokens."""

from typing import Any

import pytest
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.authentication import authenticate_sockets, socket_end_reasons
from accounts.models import RefreshFamily, User
from accounts.services import deletion, logins, moderation, tickets
from accounts.tests.calls import AUTH, code_of, log_in
from accounts.tests.factories import PASSWORD, make_staff, make_user
from accounts.tokens import access_token_for, refresh_token_for
from soukloop.core.errors import NotAuthenticated
from soukloop.core.redis.client import redis_client
from soukloop.realtime.sessions import Credentials, SocketUser

pytestmark = pytest.mark.django_db


def authenticate_socket(**credentials: str) -> SocketUser:
    [found] = authenticate_sockets([Credentials(**credentials)])
    if isinstance(found, Exception):
        raise found
    return found


def test_a_ticket_opens_one_socket_once(client: Any, user: Any) -> None:
    answer = client.post(f"{AUTH}/ws-ticket")
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["expires_in"] == 30
    [key] = redis_client().keys("ws_ticket:*")
    assert data["ticket"].encode() not in key
    assert 25 <= redis_client().ttl(key) <= 30

    found = authenticate_socket(ticket=data["ticket"])
    assert (found.id, found.username, found.avatar_url) == (user.pk, user.username, None)
    assert found.token_version == user.token_version
    with pytest.raises(NotAuthenticated) as caught:
        authenticate_socket(ticket=data["ticket"])
    assert caught.value.code == "ticket_invalid"


def test_a_ticket_ends_with_the_login_it_came_from(user: Any) -> None:
    ticket = tickets.issue_ws_ticket(actor=user)
    User.objects.filter(pk=user.pk).update(token_version=5)
    with pytest.raises(NotAuthenticated) as caught:
        authenticate_socket(ticket=ticket)
    assert caught.value.code == "token_revoked"


def test_a_socket_accepts_only_an_access_token_or_a_ticket(user: Any) -> None:
    assert authenticate_socket(token=access_token_for(user)).id == user.pk
    family = RefreshFamily.objects.create(user=user, current_jti="a" * 32, rotated_at=timezone.now())
    for credentials, code in [
        ({"token": refresh_token_for(family, user)}, "token_wrong_type"),
        ({"token": "x"}, "token_invalid"),
        ({"ticket": "x" * 100_000}, "ticket_invalid"),
        ({}, "not_authenticated"),
    ]:
        with pytest.raises(NotAuthenticated) as caught:
            authenticate_socket(**credentials)
        assert caught.value.code == code


def test_an_access_token_and_a_ticket_of_an_ended_login_open_no_socket(user: Any) -> None:
    login = logins.open_login(user)
    family_id = RefreshFamily.objects.get().pk
    ticket = tickets.issue_ws_ticket(actor=user, family_id=family_id)
    assert authenticate_socket(token=login.access_token).family_id == str(family_id)
    logins.log_out(refresh_token=login.refresh_token)
    for credentials in ({"token": login.access_token}, {"ticket": ticket}):
        with pytest.raises(NotAuthenticated) as caught:
            authenticate_socket(**credentials)
        assert (caught.value.code, caught.value.message) == (
            "token_revoked",
            "You were logged out. Log in again.",
        )


def test_a_ticket_from_before_an_upgrade_opens_a_socket(user: Any) -> None:
    ticket = tickets.issue_ws_ticket(actor=user)
    [key] = redis_client().keys("ws_ticket:*")
    redis_client().set(key, f"{user.pk}:{user.token_version}")
    assert authenticate_socket(ticket=ticket).family_id is None


def test_all_sockets_are_checked_in_one_query(user: Any, django_assert_num_queries: Any) -> None:
    alive, ended, deleted = (logins.open_login(user) for _ in range(3))
    other = make_user()
    sockets = [
        authenticate_socket(token=token)
        for token in (
            alive.access_token,
            ended.access_token,
            deleted.access_token,
            access_token_for(user),
            access_token_for(other),
        )
    ]
    with django_assert_num_queries(1):
        assert socket_end_reasons(sockets) == [None] * 5
    logins.log_out(refresh_token=ended.refresh_token)
    RefreshFamily.objects.exclude(user=user, revoked_at__isnull=False).latest("created_at").delete()
    User.objects.filter(pk=other.pk).update(token_version=1)
    with django_assert_num_queries(1):
        assert socket_end_reasons(sockets) == [
            None,
            "You were logged out. Log in again.",
            "This session has ended. Log in again.",
            None,
            "This session has ended. Log in again.",
        ]
    assert socket_end_reasons([]) == []


@pytest.mark.parametrize("has_login", [True, False])
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda user: deletion.delete_account(actor=user, password=PASSWORD), "This account was deleted."),
        (
            lambda user: moderation.ban_user(actor=make_staff(), user_id=user.pk, reason="x"),
            "This account is banned.",
        ),
    ],
    ids=["deletion", "ban"],
)
def test_the_check_of_sockets_gives_the_reason_that_the_message_gives(
    user: Any, end: Any, reason: str, has_login: bool
) -> None:
    token = logins.open_login(user).access_token if has_login else access_token_for(user)
    socket_user = authenticate_socket(token=token)
    end(user)
    assert socket_end_reasons([socket_user]) == [reason]


def test_a_failing_handshake_does_not_fail_the_others_in_its_batch(
    user: Any, django_assert_num_queries: Any
) -> None:
    credentials = [
        Credentials(token=access_token_for(user)),
        Credentials(token="x"),
        Credentials(ticket="\ud800"),
    ]
    with django_assert_num_queries(1):
        found, bad, failed = authenticate_sockets(credentials)
    assert isinstance(found, SocketUser)
    assert found.id == user.pk
    assert isinstance(bad, NotAuthenticated)
    assert isinstance(failed, UnicodeEncodeError)


def test_without_redis_tickets_are_503_and_login_still_works(
    client: Any, user: Any, guest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_connection(*args: Any, **kwargs: Any) -> None:
        raise RedisConnectionError("refused")

    monkeypatch.setattr("redis.Connection.connect", refuse_connection)
    redis_client().connection_pool.disconnect()
    answer = client.post(f"{AUTH}/ws-ticket")
    assert code_of(answer) == (503, "unavailable")
    assert client.get(f"{AUTH}/me").status_code == 200
    assert log_in(guest, user.email).status_code == 200
