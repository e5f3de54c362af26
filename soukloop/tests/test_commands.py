"""What holds for the socket commands of every app."""

from typing import Any

import pytest

from soukloop.realtime.commands import COMMANDS, Command

WITH_INPUT = [command for command in COMMANDS.values() if command.input is not None]
assert len(WITH_INPUT) > 15


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


@pytest.mark.django_db
@pytest.mark.parametrize("command", WITH_INPUT, ids=lambda command: command.name)
def test_field_names_may_be_written_as_in_rest_or_as_in_events(command: Command) -> None:
    def validated(data: dict[str, Any]) -> Any:
        return {name: repr(value) for name, value in command.validated(data).items()}

    in_camel_case = {camel(name): value for name, value in command.example.items()}
    assert validated(in_camel_case) == validated(command.example)


def test_product_and_offer_commands_accept_camel_case() -> None:
    price = {"offerId": "5c1f3d0a-8f0e-4b6e-9f43-0c7f4f0b8f11", "offeredPrice": 780.0}
    validated = COMMANDS["offer:counter"].validated(price)
    assert str(validated["offer_id"]) == price["offerId"]
    assert validated["offered_price"] == 780
