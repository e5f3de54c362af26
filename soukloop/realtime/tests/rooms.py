"""Rooms that tests meet in; hooks of real apps take their names apart."""

STREAM = "stream.00000000-0000-4000-8000-000000000001"
OTHER_STREAM = "stream.00000000-0000-4000-8000-000000000002"
