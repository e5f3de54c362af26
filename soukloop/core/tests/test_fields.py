"""Serializer fields for ids, texts and locations."""

import re
import time
from typing import Any
from uuid import UUID

import pytest
from rest_framework.serializers import Serializer, ValidationError

from soukloop.core.http.fields import IdField, LocationField, PlainTextField

ID = "5e2f9c1a-0d3b-4c4e-9f66-2f1f0a7b8c9d"


@pytest.mark.parametrize("text", [ID, ID.upper()])
def test_an_id_is_36_characters_in_either_case(text: str) -> None:
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
def test_any_other_form_of_an_id_is_refused(data: Any) -> None:
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
def test_text_without_visible_characters_is_refused(text: str) -> None:
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
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
        "ه\u200d",  # short for "Hijri"
        "می\u200cخواهم",
        "क्\u200dष",
        "?",
    ],
)
def test_invisible_characters_are_kept_beside_visible_ones(text: str) -> None:
    assert PlainTextField().run_validation(text) == text


@pytest.mark.parametrize("text", ["\u200fمرحبا\u200f", "\u2067السعر 850\u2069", "size \u061c42"])
def test_marks_of_direction_are_kept_in_texts_with_lines_and_removed_from_others(text: str) -> None:
    assert PlainTextField(has_lines=True).run_validation(text) == text
    shown = re.sub("[\u200f\u2067\u2069\u061c]", "", text)
    assert PlainTextField().run_validation(text) == shown


@pytest.mark.parametrize("has_lines", [False, True])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Lay\u200bla", "Layla"),
        ("Lay\u00adla", "Layla"),
        ("Lay\u200dla", "Layla"),
        ("Lay\u200cla", "Layla"),
        ("\ufeffLayla", "Layla"),
        ("Layla\u3164", "Layla"),
        ("Layla\u202egnp.exe", "Laylagnp.exe"),
        ("Layla\u2060\u2061", "Layla"),
        ("Layla\U000e0041\U000e0042", "Layla"),
        ("🔥\u200d sale", "🔥 sale"),
        ("می\u200c\u200cخواهم", "می\u200cخواهم"),
        ("خط\u200b جديد", "خط جديد"),
    ],
)
def test_characters_that_cannot_be_seen_are_removed(text: str, shown: str, has_lines: bool) -> None:
    assert PlainTextField(has_lines=has_lines).run_validation(text) == shown


LINE_ENDS = ["\n", "\r\n", "\r", "\r\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_each_line_end_becomes_a_newline_in_a_text_with_lines(end: str) -> None:
    field = PlainTextField(has_lines=True, trim_whitespace=False)
    assert field.run_validation(f"Size 42{end}\tNew{end}{end}Boxed{end}") == "Size 42\n\tNew\n\nBoxed\n"


@pytest.mark.parametrize("end", [*LINE_ENDS, " \u2028 ", "\x0b\r\n\n"])
def test_each_run_of_line_ends_becomes_a_space_in_a_text_of_one_line(end: str) -> None:
    assert PlainTextField().run_validation(f"{end}Nike{end}Jordan  1{end}") == "Nike Jordan  1"


def test_line_ends_are_replaced_before_the_length_is_checked() -> None:
    assert PlainTextField(max_length=3).run_validation("a\r\n\r\nb") == "a b"
    assert PlainTextField(has_lines=True, max_length=3).run_validation("a\r\nb") == "a\nb"
    with pytest.raises(ValidationError, match="no more than 3 characters"):
        PlainTextField(has_lines=True, max_length=3).run_validation("a\u2028\u2028b")


@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_text_of_line_ends_only_is_blank(end: str) -> None:
    assert PlainTextField(allow_blank=True).run_validation(end * 2) == ""
    with pytest.raises(ValidationError, match="may not be blank"):
        PlainTextField(has_lines=True).run_validation(end * 2)


@pytest.mark.parametrize("has_lines", [False, True])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Nike Air Jordan \x07 1", "Character 17 is U+0007, which cannot be seen. Remove it."),
        ("\x00", "Character 1 is U+0000, which cannot be seen. Remove it."),
        ("a\r\nb\x1b[31m", "Character 5 is U+001B, which cannot be seen. Remove it."),
        ("مرحبا\x9c", "Character 6 is U+009C, which cannot be seen. Remove it."),
        ("del\x7f", "Character 4 is U+007F, which cannot be seen. Remove it."),
    ],
)
def test_any_other_control_character_is_refused_by_its_name_and_position(
    text: str, message: str, has_lines: bool
) -> None:
    with pytest.raises(ValidationError) as caught:
        PlainTextField(has_lines=has_lines).run_validation(text)
    assert caught.value.detail == [message]


@pytest.mark.parametrize("has_lines", [False, True])
@pytest.mark.parametrize("filler", [" ", "\r", "\n", " \r", "\u2028 "])
def test_a_megabyte_of_line_ends_and_spaces_is_refused_at_once(filler: str, has_lines: bool) -> None:
    text = "a" + filler * (1_000_000 // len(filler)) + "b"
    started = time.perf_counter()
    if has_lines or filler == " ":
        with pytest.raises(ValidationError, match="no more than 9 characters"):
            PlainTextField(has_lines=has_lines, max_length=9).run_validation(text)
    else:
        assert PlainTextField(max_length=9).run_validation(text) == "a b"
    assert time.perf_counter() - started < 2  # 0.1 s on a quiet machine


def test_a_tab_is_kept_in_a_text_with_lines_and_refused_in_a_text_of_one_line() -> None:
    assert PlainTextField(has_lines=True).run_validation("a\tb") == "a\tb"
    with pytest.raises(ValidationError, match=r"Character 2 is U\+0009"):
        PlainTextField().run_validation("a\tb")


class PlaceInput(Serializer[Any]):
    location = LocationField(required=False)


@pytest.mark.parametrize("partial", [False, True])
def test_location_is_read_as_a_point_and_shown_as_an_object(partial: bool) -> None:
    place = PlaceInput(data={"location": {"latitude": 25.0772, "longitude": 55}}, partial=partial)
    assert place.is_valid()
    point = place.validated_data["location"]
    assert (point.coords, point.srid) == ((55.0, 25.0772), 4326)
    assert LocationField().to_representation(point) == {"latitude": 25.0772, "longitude": 55.0}


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize(
    ("location", "problems"),
    [
        ({"latitude": 25}, {"longitude": ["This field is required."]}),
        ({"longitude": 55, "latitude": None}, {"latitude": ["A coordinate must be a number."]}),
        (
            {"longitude": True, "latitude": "25"},
            {
                "latitude": ["A coordinate must be a number."],
                "longitude": ["A coordinate must be a number."],
            },
        ),
        ({"longitude": 180.5, "latitude": 25}, {"longitude": ["Use a number from -180 to 180."]}),
        ({"longitude": 55, "latitude": float("nan")}, {"latitude": ["Use a number from -90 to 90."]}),
        ([25, 55], {"non_field_errors": ["A location must be an object."]}),
    ],
)
def test_incomplete_or_invalid_location_is_refused_also_in_a_partial_update(
    location: Any, problems: dict[str, list[str]], partial: bool
) -> None:
    place = PlaceInput(data={"location": location}, partial=partial)
    assert not place.is_valid()
    assert place.errors == {"location": problems}
