"""Rooms for tests. Their ids are UUIDs, because hooks of real apps parse them."""

STREAM = "stream.00000000-0000-4000-8000-000000000001"
OTHER_STREAM = "stream.00000000-0000-4000-8000-000000000002"
