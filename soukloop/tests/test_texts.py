"""Stored texts are validated in the same way over REST and in socket commands."""

from rest_framework import serializers

from soukloop.core.http.fields import PlainTextField
from soukloop.tests.shapes import shapes_of_requests

NOT_FOR_PEOPLE = {"category", "client_message_id", "client_offer_id", "identifier", "refresh_token"}


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
