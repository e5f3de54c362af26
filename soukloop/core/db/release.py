"""Giving a thread's connection to PostgreSQL back before something slow."""

from django.db import connection


def release_connection() -> None:
    """Return this thread's connection to the pool, unless it is in a transaction.

    The next query takes another one. Called before work that takes long without PostgreSQL, such as decoding
    a picture or sending a mail.
    """
    if not connection.in_atomic_block:
        connection.close()
