"""Responses are kept for a day: small, unchanged, and in room that is used again."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from soukloop.core.http.idempotency import _store
from soukloop.core.http.stored_bodies import pack_body, unpack_body
from soukloop.core.models import IdempotencyRecord

ROWS = 5000
BYTES_PER_ROW_MAX = 350  # it was 865, with a dead version of each row


def message_body() -> bytes:
    body = {
        "id": str(uuid4()),
        "conversation_id": str(uuid4()),
        "seq": 17,
        "sender_id": str(uuid4()),
        "message_type": "text",
        "content": "Is it still available? I can come to Dubai Marina today.",
        "data": {},
        "client_message_id": None,
        "is_hidden": False,
        "created_at": "2026-11-27T00:30:59Z",
    }
    return json.dumps(body, separators=(",", ":")).encode()


@given(st.binary(max_size=2000).map(lambda data: b"{" + data))
def test_a_body_is_read_as_it_was_stored(body: bytes) -> None:
    assert unpack_body(pack_body(body)) == body


def test_a_body_from_before_compression_is_read() -> None:
    assert unpack_body(b'{"id":1}') == b'{"id":1}'
    assert unpack_body(memoryview(b"[]")) == b"[]"


def test_a_message_takes_little_more_than_half() -> None:
    assert len(pack_body(message_body())) < 0.55 * len(message_body())


def fill() -> int:
    """Store as many responses as fit a table that is full, and return its size with indexes."""
    for _ in range(ROWS):
        _store(uuid4(), uuid4(), 201, pack_body(message_body()))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('core_idempotencyrecord')")
        [size] = cursor.fetchone()
    return int(size)


def vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM core_idempotencyrecord")


@pytest.mark.django_db(transaction=True)
def test_a_stored_response_takes_few_bytes_and_expired_ones_make_room_for_the_next() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE core_idempotencyrecord")
        # While it reads the table, the rows that are deleted meanwhile cannot be removed.
        cursor.execute("ALTER TABLE core_idempotencyrecord SET (autovacuum_enabled = false)")
    sizes = [fill()]
    assert sizes[0] / ROWS < BYTES_PER_ROW_MAX
    for _ in range(4):
        IdempotencyRecord.objects.all().delete()
        vacuum()  # as autovacuum does after 2 % of the rows were deleted
        sizes.append(fill())
    assert max(sizes) < 1.4 * sizes[0]  # the index of random ids is less dense once room in it is reused
    assert sizes[-1] < 1.1 * sizes[1]  # a few pages more, or fewer
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'core_idempotencyrecord'")
        options: Any = cursor.fetchone()
        cursor.execute("ALTER TABLE core_idempotencyrecord RESET (autovacuum_enabled)")
    assert "autovacuum_vacuum_scale_factor=0.02" in options[0]
