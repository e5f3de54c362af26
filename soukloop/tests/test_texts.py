"""Stored texts are validated in the same way over REST and in socket commands."""

import pytest
from rest_framework import serializers

from soukloop.core.http.fields import PlainTextField
from soukloop.tests.shapes import shapes_of_requests

NOT_FOR_PEOPLE = {
    "category",
    "client_message_id",
    "client_offer_id",
    "cursor",
    "identifier",
    "image_urls",  # of our own uploads, each looked up
    "q",  # words that are looked for, in any spelling
    "refresh_token",
}


def test_every_stored_text_is_validated_as_plain_text() -> None:
    read = set()
    for shape in shapes_of_requests():
        for name, field in shape().fields.items():
            one = getattr(field, "child", field)
            if type(one) is serializers.CharField:
                assert name in NOT_FOR_PEOPLE, (
                    f"{shape.__name__}.{name}: use PlainTextField for text that people read"
                )
            if isinstance(one, PlainTextField):
                read.add(name)
    assert read >= {"title", "description", "full_name", "bio", "neighborhood", "message", "reason", "tags"}


def test_every_text_of_a_request_or_socket_command_takes_pasted_line_ends() -> None:
    names = set()
    for shape in shapes_of_requests():
        for name, field in shape().fields.items():
            one = getattr(field, "child", field)
            if isinstance(one, PlainTextField):
                pasted = one.run_validation("Size\u202842\r\nNew\x0bin box")
                expected = "Size\n42\nNew\nin box" if one.has_lines else "Size 42 New in box"
                assert pasted == expected, f"{shape.__name__}.{name}"
                names.add(name)
    assert names >= {"title", "description", "full_name", "bio", "content", "message", "reason", "tags"}


@pytest.mark.django_db
def test_no_field_of_a_request_or_socket_command_fails_on_a_null_character() -> None:
    """PostgreSQL has none in texts: a field that looks up what it was sent must refuse it before."""
    refused = set()
    for shape in shapes_of_requests():
        for name, field in shape().fields.items():
            one = getattr(field, "child", field)
            try:
                value = one.run_validation("sneakers\x00")
            except serializers.ValidationError:
                refused.add(name)
            else:
                assert "\x00" not in str(value), f"{shape.__name__}.{name}"
    assert refused >= {"category", "title", "identifier", "password", "product_ids", "seller_id", "image"}
