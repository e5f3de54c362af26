"""The heartbeat of a process with thousands of connections: all are renewed, in batches."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import User
from soukloop.core.hooks import Hook
from soukloop.core.redis.client import redis_client
from soukloop.realtime import keys, lifecycle, presence
from soukloop.realtime.hub import hub
from soukloop.realtime.rooms import ROOM_KINDS, RoomKind
from soukloop.realtime.sessions import Session, SocketUser

PEOPLE = 600

Alive = dict[str, list[Session]]


@dataclass
class Rooms:
    """A session's connection, reduced to its rooms."""

    rooms: frozenset[str]


def session_of(user: User, *rooms: str) -> Session:
    person = SocketUser(user.pk, user.username, None, user.token_version, user)
    connection: Any = Rooms(frozenset({f"user.{user.pk}", *rooms}))
    return Session(uuid4().hex, person, connection)


@pytest.fixture
def sessions(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """Sessions of PEOPLE users, all in the room of one stream, as members of this process."""
    people = User.objects.bulk_create(
        User(username=f"viewer{number}", email=f"viewer{number}@example.com") for number in range(PEOPLE)
    )
    sessions = [session_of(user, "stream.1") for user in people]
    members = {each.connection_id: SimpleNamespace(session=each, is_closed=False) for each in sessions}
    monkeypatch.setattr(hub, "members", members)
    return sessions


def streams(monkeypatch: pytest.MonkeyPatch) -> RoomKind:
    """Return a kind of room for streams that no app has registered with."""
    kind = RoomKind("stream", "a test's")
    monkeypatch.setitem(ROOM_KINDS, "stream", kind)
    return kind


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Alive]:
    """The arguments of each call of a heartbeat hook for streams."""
    calls: list[Alive] = []
    streams(monkeypatch).heartbeat.register(calls.append)
    return calls


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts that presence runs in Redis, in order."""
    scripts: list[str] = []

    def evaluate(script: str, *arguments: Any) -> Any:
        scripts.append(script)
        return redis_client().eval(script, *arguments)

    monkeypatch.setattr(presence, "redis_client", lambda: SimpleNamespace(eval=evaluate))
    return scripts


async def test_a_heartbeat_renews_every_connection_in_batches(
    sessions: list[Session], calls: list[Alive], scripts: list[str]
) -> None:
    await lifecycle.heartbeat()
    assert [session for call in calls for session in call["stream.1"]] == sessions
    assert [len(call["stream.1"]) for call in calls] == [250, 250, 100]
    assert redis_client().zcard(keys.PRESENCE) == redis_client().scard(keys.ONLINE_USERS) == PEOPLE
    for session in sessions:
        kept: Any = redis_client().zrange(keys.presence(session.user_id), 0, -1)
        assert kept == [session.connection_id.encode()]
        assert 60_000 < redis_client().pttl(keys.presence(session.user_id)) <= 120_000
    assert len(scripts) == 4, "one for each batch, one that expires silent users"


async def test_a_heartbeat_skips_a_connection_that_closed_while_it_was_running(
    sessions: list[Session], calls: list[Alive], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = sessions[-1]

    def leave_meanwhile(members: Alive) -> None:
        calls.append(members)
        hub.members[last.connection_id].is_closed = True

    streams(monkeypatch).heartbeat.register(leave_meanwhile)
    await lifecycle.heartbeat()
    assert last not in [session for call in calls for session in call["stream.1"]]
    assert redis_client().zcard(keys.PRESENCE) == PEOPLE - 1


async def test_a_failing_hook_does_not_stop_connections_from_being_renewed(
    sessions: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(members: Alive) -> None:
        raise RuntimeError("the app fails")

    streams(monkeypatch).heartbeat.register(fail)
    await lifecycle.heartbeat()
    assert redis_client().zcard(keys.PRESENCE) == PEOPLE


def test_each_users_first_connection_is_detected_among_several_new_ones(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = User(username="one"), User(username="other")
    asked: list[Any] = []

    def audience(user_ids: Any) -> list[Any]:
        asked.append(set(user_ids))
        return []

    monkeypatch.setattr(presence, "contacts", Hook())
    presence.contacts.register(audience)
    presence.add_connections([session_of(one), session_of(one), session_of(other)])
    presence.add_connections([session_of(other)])
    assert asked == [{one.pk, other.pk}]
