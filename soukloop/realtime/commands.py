"""The registry of commands; apps declare theirs in `commands.py`, once for both transports."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rest_framework.serializers import Serializer

from soukloop.core.http.validation import NoInput, validated_strictly
from soukloop.realtime.sessions import Session

Handler = Callable[[Session, dict[str, Any]], dict[str, Any] | None]


@dataclass(frozen=True)
class Command:
    """A command: its name, the shapes of its input and acknowledgement, what runs it, and its rate limit."""

    name: str
    input: type[Serializer[Any]] | None
    ack: type[Serializer[Any]] | None
    handler: Handler
    rate_scope: str | None
    example: dict[str, Any]
    ack_example: dict[str, Any] | None
    for_guests: bool = False

    @cached_property
    def _validator(self) -> Serializer[Any]:
        """The serializer of the input, reused because copying its fields took a tenth of a command's time."""
        return (self.input or NoInput)()

    @cached_property
    def _declared_names(self) -> dict[str, str]:
        """Field names as events write them (`afterSeq`) → as the input declares them (`after_seq`)."""
        return {_camel(name): name for name, _ in self._validator.fields.items()}

    def validated(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the validated data; its field names may be written as in REST or as in events.

        Raises DRF's ValidationError with a message per field, also for a field that the command doesn't have.
        """
        declared = {self._declared_names.get(name, name): value for name, value in data.items()}
        return validated_strictly(self._validator, declared)

    @property
    def doc(self) -> str:
        return (self.handler.__doc__ or "").strip()


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


COMMANDS: dict[str, Command] = {}


def command(
    name: str,
    *,
    input: type[Serializer[Any]] | None,
    ack: type[Serializer[Any]] | None = None,
    example: dict[str, Any],
    ack_example: dict[str, Any] | None = None,
    rate_scope: str | None = None,
    for_guests: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a function `(session, data) -> dict | None` to run the command.

    It runs on a thread with its own database connection, so it calls services as a view does. `data` is
    validated by `input`. The result is the `data` of the acknowledgement, as `ack` describes it; errors
    become the same error bodies as over REST. The docstring is the command's description in docs/events.md.
    Only a command `for_guests` runs for who isn't logged in; its `session` may have no user.
    """

    def register(handler: Handler) -> Handler:
        if name in COMMANDS:
            raise ValueError(f"The command {name} is declared twice")
        COMMANDS[name] = Command(name, input, ack, handler, rate_scope, example, ack_example, for_guests)
        return handler

    return register
