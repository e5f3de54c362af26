"""The password hasher of PASSWORD_HASHERS."""

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

from soukloop.core.db.release import release_connection

_PARALLEL = 4  # hashes at a time in a process: 76 MiB; more would not be quicker
_slots = threading.BoundedSemaphore(_PARALLEL)


class OwaspArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with OWASP's 19 MiB instead of Django's 100, for a few passwords at a time.

    The connection to PostgreSQL is given back meanwhile, unless a transaction needs it.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        release_connection()
        with _slots:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        release_connection()
        with _slots:
            return super().verify(password, encoded)
