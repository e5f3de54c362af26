"""The heartbeat of a process that carries thousands: for each of them, and a few at a time."""

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
    """What a session knows of its connection here: the rooms it is in."""

    rooms: frozenset[str]


def session_of(user: User, *rooms: str) -> Session:
    person = SocketUser(user.pk, user.username, None, user.token_version, user)
    connection: Any = Rooms(frozenset({f"user.{user.pk}", *rooms}))
    return Session(uuid4().hex, person, connection)


@pytest.fixture
def sessions(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """Sessions of as many people, all in one stream's room, as this process's members."""
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
def told(monkeypatch: pytest.MonkeyPatch) -> list[Alive]:
    """What an app that registered for the heartbeats of streams is told, call by call."""
    told: list[Alive] = []
    streams(monkeypatch).heartbeat.register(told.append)
    return told


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scripts that presence has Redis run, in their order."""
    scripts: list[str] = []

    def evaluate(script: str, *arguments: Any) -> Any:
        scripts.append(script)
        return redis_client().eval(script, *arguments)

    monkeypatch.setattr(presence, "redis_client", lambda: SimpleNamespace(eval=evaluate))
    return scripts


async def test_a_heartbeat_speaks_for_everybody_a_few_at_a_time(
    sessions: list[Session], told: list[Alive], scripts: list[str]
) -> None:
    await lifecycle.heartbeat()
    assert [session for call in told for session in call["stream.1"]] == sessions
    assert [len(call["stream.1"]) for call in told] == [250, 250, 100]
    assert redis_client().zcard(keys.PRESENCE) == redis_client().scard(keys.ONLINE_USERS) == PEOPLE
    for session in sessions:
        kept: Any = redis_client().zrange(keys.presence(session.user_id), 0, -1)
        assert kept == [session.connection_id.encode()]
        assert 60_000 < redis_client().pttl(keys.presence(session.user_id)) <= 120_000
    assert len(scripts) == 4, "one for those of a time, one that sees off the dead"


async def test_a_heartbeat_does_not_speak_for_who_left_while_it_was_under_way(
    sessions: list[Session], told: list[Alive], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = sessions[-1]

    def leave_meanwhile(members: Alive) -> None:
        told.append(members)
        hub.members[last.connection_id].is_closed = True

    streams(monkeypatch).heartbeat.register(leave_meanwhile)
    await lifecycle.heartbeat()
    assert last not in [session for call in told for session in call["stream.1"]]
    assert redis_client().zcard(keys.PRESENCE) == PEOPLE - 1


async def test_an_app_that_fails_keeps_nobody_from_being_spoken_for(
    sessions: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(members: Alive) -> None:
        raise RuntimeError("an app's own trouble")

    streams(monkeypatch).heartbeat.register(fail)
    await lifecycle.heartbeat()
    assert redis_client().zcard(keys.PRESENCE) == PEOPLE


def test_of_several_new_connections_each_person_s_first_is_known(
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
