"""How many connections of guests this process holds, in all and of each address."""

from collections import Counter

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from soukloop.core.errors import RateLimited, Unavailable
from soukloop.core.redis.rate_limits import subject_of

RETRY_SECONDS = 5


class OpenGuests:
    """Counts guests, so that who needs no account can't take the places of who has one."""

    def __init__(self) -> None:
        self._total = 0
        self._by_subject: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._total

    def add(self, address: str) -> None:
        """Count a new guest; raises RateLimited for its address, Unavailable for all."""
        subject = subject_of(None, address)
        if self._total >= settings.SOCKET_GUESTS_MAX:
            raise Unavailable
        if subject and self._by_subject[subject] >= settings.SOCKET_GUESTS_PER_ADDRESS_MAX:
            message = _("There are too many connections from your address.")
            raise RateLimited(message, retry_after=RETRY_SECONDS)
        self._total += 1
        if subject:
            self._by_subject[subject] += 1

    def remove(self, address: str) -> None:
        self._total -= 1
        subject = subject_of(None, address)
        if subject:
            self._by_subject[subject] -= 1
            if self._by_subject[subject] <= 0:
                del self._by_subject[subject]


open_guests = OpenGuests()
