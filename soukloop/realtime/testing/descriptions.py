"""Checks of each event and acknowledgement in tests against the AsyncAPI document.

Published schemas are open for new fields; here they are closed, so that a field that isn't described fails.
"""

import copy
import functools
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from soukloop.core import jsonlib
from soukloop.realtime import dispatch, events
from soukloop.realtime.members import Member
from soukloop.realtime.schemas import Schema, socket_schemas
from soukloop.realtime.sessions import Session
from soukloop.tests.descriptions import DescriptionMismatch, close_shapes

MARK = "NOT AS DESCRIBED"  # found in the logs of server processes
_OF_PROBES = "probe:"  # commands and events that only some of the servers have


def check_event(name: str, data: Any) -> None:
    """Check the data of an event; raises DescriptionMismatch."""
    described = socket_schemas().data.get(name)
    if described is None:
        if not name.startswith(_OF_PROBES):
            raise DescriptionMismatch(f"{MARK}: the event {name} is not declared")
        return
    _validate(described, data, f"the event {name}")


def check_result(command: str, data: Any) -> None:
    """Check the data of a command's acknowledgement; raises DescriptionMismatch."""
    described = socket_schemas().results.get(command)
    if described is not None:
        _validate(described, data, f"the acknowledgement of {command}")


def check_input(command: str, data: Any) -> None:
    """Check what a client sends as a command's data; raises DescriptionMismatch."""
    _validate(socket_schemas().inputs[command], data, f"the input of {command}")


def check_ack(command: str, ack: dict[str, Any]) -> None:
    """Check an acknowledgement as a client gets it, without its id; raises DescriptionMismatch."""
    if ack.get("success") is True and set(ack) == {"success", "data"}:
        check_result(command, ack["data"])
    elif ack.get("success") is False and set(ack) == {"success", "error"}:
        _validate({"$ref": "#/components/schemas/ErrorDetails"}, ack["error"], f"the refusal of {command}")
    else:
        raise DescriptionMismatch(f"{MARK}: the acknowledgement of {command} is {ack}")


def install(patch: pytest.MonkeyPatch) -> None:
    """Check all that this process publishes and emits, and each result of a command."""
    _closed_components()  # now, because drf-spectacular can't do it on several threads at once
    message, emit, run_handler = events._message, Member.emit, dispatch._run_handler

    def checked_message(room: str, event: str, data: dict[str, Any]) -> dict[str, Any]:
        made = message(room, event, data)
        check_event(event, jsonlib.loads(made["data"]))
        return made

    def checked_emit(member: Member, event: str, data: dict[str, Any]) -> None:
        check_event(event, _as_sent(data))
        emit(member, event, data)

    def checked_handler(session: Session, command: Any, event: Any, data: Any) -> dict[str, Any]:
        result = run_handler(session, command, event, data)
        check_result(event, _as_sent(result))
        return result

    patch.setattr(events, "_message", checked_message)
    patch.setattr(Member, "emit", checked_emit)
    patch.setattr(dispatch, "_run_handler", checked_handler)


def _as_sent(data: Any) -> Any:
    return jsonlib.loads(jsonlib.dumps(data))


def _validate(described: Schema, value: Any, what: str) -> None:
    validator = _validator(described["$ref"])
    if not validator.is_valid(value):
        problems = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]
        raise DescriptionMismatch(f"{MARK}: {what}: {'; '.join(problems[:5])}; in {value}")


@functools.cache
def _validator(reference: str) -> Draft202012Validator:
    root = {"$ref": reference, "components": {"schemas": _closed_components()}}
    return Draft202012Validator(root, validate_formats=True)


@functools.cache
def _closed_components() -> dict[str, Schema]:
    components: dict[str, Schema] = close_shapes(copy.deepcopy(socket_schemas().components))
    return components
