"""Ids, and text to be read by people."""

from typing import Any
from uuid import UUID

import pytest
from rest_framework.serializers import ValidationError

from soukloop.core.http.fields import IdField, PlainTextField

ID = "5e2f9c1a-0d3b-4c4e-9f66-2f1f0a7b8c9d"


@pytest.mark.parametrize("text", [ID, ID.upper()])
def test_an_id_is_its_36_characters_in_either_case(text: str) -> None:
    assert IdField().run_validation(text) == UUID(ID)


@pytest.mark.parametrize(
    "data",
    [
        5,
        5.0,
        True,
        [ID],
        {"id": ID},
        "",
        ID.replace("-", ""),
        f"urn:uuid:{ID}",
        f"{{{ID}}}",
        f" {ID}",
        f"{ID}\n",
        ID.replace("-", "", 1) + "-",
        "٥" + ID[1:],
        "g" + ID[1:],
        ID + "0" * 10_000,
    ],
)
def test_nothing_else_is_an_id(data: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        IdField().run_validation(data)
    assert caught.value.detail == ["Use an id such as 5e2f9c1a-0d3b-4c4e-9f66-2f1f0a7b8c9d."]


@pytest.mark.parametrize(
    "text",
    [
        "\u200b",
        "\u200f\u200f",
        "\u202e \u2066",
        "\ufeff",
        "\u3164",
        "\u115f\u1160\uffa0",
        "\u2800",
        "\u2060 \u200d",
        "\u0301\ufe0f",
        "\U000e0041",
        "\U0001d159",
    ],
)
def test_text_of_which_nothing_is_seen_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="no visible characters"):
        PlainTextField().run_validation(text)


@pytest.mark.parametrize(
    "text",
    [
        "👨\u200d👩\u200d👧",
        "❤️",
        "1️⃣",
        "🇦🇪",
        "👍🏽",
        "\U0001fae9",  # of Unicode 16
        "\u200fمرحبا\u200f",
        "\u2067السعر 850\u2069",
        "می\u200cخواهم",
        "क्\u200dष",
        "?",
    ],
)
def test_signs_that_are_unseen_are_kept_beside_what_is_seen(text: str) -> None:
    assert PlainTextField().run_validation(text) == text
