"""Commands for tests."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from rest_framework import serializers

from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import Conflict
from soukloop.realtime.commands import command
from soukloop.realtime.events import publish, publish_on_commit
from soukloop.realtime.hub import hub
from soukloop.realtime.presence import contacts
from soukloop.realtime.rooms import ROOM_KINDS
from soukloop.realtime.sessions import Session


class Room(serializers.Serializer[Any]):
    room = serializers.CharField(max_length=80)


class Publication(Room):
    event = serializers.CharField()
    count = serializers.IntegerField(default=1, max_value=5000)
    size = serializers.IntegerField(default=0, max_value=10_000)
    data = serializers.DictField(required=False, help_text="Published as it is")  # type: ignore[assignment]
    exclude_members_of = serializers.CharField(required=False)


class Pause(serializers.Serializer[Any]):
    seconds = serializers.FloatField(max_value=5)
    n = serializers.IntegerField(default=0)


class RoomsOutput(serializers.Serializer[Any]):
    rooms = serializers.ListField(child=serializers.CharField())


class NumberOutput(serializers.Serializer[Any]):
    n = serializers.IntegerField()


class CountOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField()


class WhoOutput(serializers.Serializer[Any]):
    userId = serializers.UUIDField()
    username = serializers.CharField()
    at = serializers.FloatField()


class TasksOutput(serializers.Serializer[Any]):
    tasks = serializers.DictField(child=serializers.IntegerField())


@command("probe:join", input=Room, ack=RoomsOutput, example={"room": "stream.1"})
def join(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Join any room."""
    session.join(data["room"])
    session.emit("probe:joined", {"room": data["room"]})
    return {"rooms": sorted(session.rooms)}


@command("probe:leave", input=Room, example={"room": "stream.1"})
def leave(session: Session, data: dict[str, Any]) -> None:
    """Leave a room."""
    session.leave(data["room"])


@command("probe:publish", input=Publication, example={"room": "stream.1", "event": "probe:said"})
def publish_many(session: Session, data: dict[str, Any]) -> None:
    """Publish events numbered from 0."""
    for n in range(data["count"]):
        fields = {"n": n, "padding": "x" * data["size"]} if data["size"] else {"n": n}
        payload = data.get("data", fields)
        if "exclude_members_of" in data:
            publish_on_commit(
                data["room"], data["event"], payload, exclude_members_of=data["exclude_members_of"]
            )
        else:
            publish(data["room"], data["event"], payload)


@command("probe:wait", input=Pause, ack=NumberOutput, example={"seconds": 0.1})
def wait(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Hold a thread and a database connection for a while."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [data["seconds"]])
    return {"n": data["n"]}


@command("probe:whoami", input=None, ack=WhoOutput, example={})
def whoami(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Return the connection's user."""
    return {"userId": session.user_id, "username": session.user.username, "at": time.time()}


@command("probe:refuse", input=None, example={})
def refuse(session: Session, data: dict[str, Any]) -> None:
    """Raise a domain error."""
    raise Conflict("No.", code=CoreErrorCode.CONFLICT, details={"why": "because"})


@command("probe:crash", input=None, example={})
def crash(session: Session, data: dict[str, Any]) -> None:
    """Raise an unexpected exception."""
    raise ZeroDivisionError


@command("probe:limited", input=None, example={}, rate_scope="stream_chat")
def limited(session: Session, data: dict[str, Any]) -> None:
    """Do nothing, ten times a minute."""


@command("probe:people", input=None, ack=CountOutput, example={})
def people(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Count the people in the database."""
    return {"count": get_user_model().objects.count()}


@ROOM_KINDS["stream"].left.register
def publish_left(session: Session, room: str) -> None:
    publish("product.1", "probe:left", {"room": room, "userId": session.user_id_or_none})


@contacts.register
def all_users(user_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    others = list(get_user_model().objects.values_list("pk", flat=True)[:100])
    return [(user_id, other) for user_id in user_ids for other in others]


@command("probe:tasks", input=None, ack=TasksOutput, example={})
def tasks(session: Session, data: dict[str, Any]) -> dict[str, Any]:
    """Count the server's tasks by the names of their coroutines."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks(hub.loop)]
    return {"tasks": Counter(getattr(coroutine, "__qualname__", "") for coroutine in coroutines)}
