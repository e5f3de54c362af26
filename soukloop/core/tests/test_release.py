"""A connection to PostgreSQL is not held while something slow goes on."""

import threading
import time
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.core import mail
from django.core.files.storage import default_storage
from django.db import connection, transaction

from accounts import hashers, sms
from soukloop.core.db.release import release_connection
from soukloop.core.images import storing

pytestmark = pytest.mark.django_db(transaction=True)


def use_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert connection.connection is not None


def test_a_connection_in_a_transaction_is_kept() -> None:
    with transaction.atomic():
        use_connection()
        release_connection()
        assert connection.connection is not None
    release_connection()
    assert connection.connection is None


def test_hashing_a_password_holds_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashers, "_slots", Watched())
    encoded = make_password("Test123!@#", hasher="argon2")
    for _ in range(2):
        use_connection()
        assert check_password("Test123!@#", encoded)
    assert Watched.connections == [None, None, None]


class Watched:
    """Stand where a hash begins, and note this thread's connection."""

    connections: list[Any] = []

    def __enter__(self) -> None:
        self.connections.append(connection.connection)

    def __exit__(self, *error: object) -> None:
        pass


def test_at_most_four_passwords_are_hashed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def slow(*args: Any) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return "hash"

    monkeypatch.setattr(Argon2PasswordHasher, "encode", slow)
    threads = [
        threading.Thread(target=hashers.OwaspArgon2PasswordHasher().encode, args=["x", "y"])
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 4


def test_sending_a_text_and_storing_a_file_hold_no_connection(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    held: list[Any] = []
    monkeypatch.setattr(sms.ConsoleBackend, "send", lambda *args, **rest: held.append(connection.connection))
    settings.SMS_BACKEND = "accounts.sms.ConsoleBackend"
    use_connection()
    sms.send(to="+971501234567", text="Hello")
    monkeypatch.setattr(default_storage, "save", lambda *args: held.append(connection.connection))
    use_connection()
    storing._save("name", b"data")
    assert held == [None, None]
    assert mail.outbox == []
