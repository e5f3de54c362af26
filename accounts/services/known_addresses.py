"""The addresses from which an email, phone or username was used with a right password or code."""

from collections.abc import Iterable

from django.conf import settings

from accounts.models import KnownAddress
from soukloop.core.db.clock import database_now
from soukloop.core.encryption import keyed_hashes
from soukloop.core.redis.rate_limits import network_of


def is_known_address(identifier: str, ip: str) -> bool:
    since = database_now() - settings.KNOWN_ADDRESS_KEPT_FOR
    return KnownAddress.objects.filter(pk__in=_digests(identifier, ip), last_used_at__gt=since).exists()


def remember_address(identifiers: Iterable[str], ip: str) -> None:
    """Remember that these normalized identifiers of one person were used from this address just now."""
    now = database_now()
    digests = sorted({_digests(identifier, ip)[0] for identifier in identifiers})  # sorted against deadlocks
    KnownAddress.objects.bulk_create(
        [KnownAddress(digest=digest, last_used_at=now) for digest in digests],
        update_conflicts=True,
        unique_fields=["digest"],
        update_fields=["last_used_at"],
    )


def delete_old_addresses() -> int:
    """Delete the addresses that have not been used for KNOWN_ADDRESS_KEPT_FOR; return the number."""
    cutoff = database_now() - settings.KNOWN_ADDRESS_KEPT_FOR
    return KnownAddress.objects.filter(last_used_at__lt=cutoff).delete()[0]


def _digests(identifier: str, ip: str) -> list[str]:
    text = f"{network_of(ip)} {identifier}"
    return [digest.hex() for digest in keyed_hashes("accounts.known_address", text)]
