"""What all calls of the sandbox share: its ids, one effect for each key, movements, and its errors."""

import secrets
from typing import TypeVar

from django.conf import settings
from django.db import models

from payments.models import SandboxMovement
from payments.providers.base import ProviderRefused
from soukloop.core.db.clock import database_now

M = TypeVar("M", bound=models.Model)

PLATFORM = ""
"""The account of movements that are the platform's own."""


def is_allowed() -> bool:
    """Return whether this server may use the sandbox."""
    return bool(settings.DEBUG or settings.SANDBOX_PAYMENTS_ALLOWED)


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def new_client_secret(object_id: str) -> str:
    return f"{object_id}_secret_{secrets.token_hex(24)}"


def missing(object_id: str) -> ProviderRefused:
    return ProviderRefused("resource_missing", f"The sandbox has no {object_id or 'object without an id'}.")


def create_once(row: M, same: tuple[str, ...]) -> tuple[M, bool]:
    """Insert a row unless its key was used, and return the row of this key, and whether it is new.

    Two calls with one key wait for one another at the unique index. Raises ProviderRefused if the first call
    with this key had other values in the fields `same`.
    """
    model = type(row)
    model._default_manager.bulk_create([row], ignore_conflicts=True)
    found = model._default_manager.get(key=row.key)  # type: ignore[attr-defined]
    for field in same:
        if getattr(found, field) != getattr(row, field):
            raise ProviderRefused("idempotency_error", f"This key was used with another {field}.")
    return found, found.pk == row.pk


def move(account: str, kind: str, amount: int, currency: str, source: str) -> None:
    """Write a movement on the balance of an account; nothing if it is there already."""
    if not amount:
        return
    movement = SandboxMovement(
        id=new_id("txn"),
        account=account,
        kind=kind,
        amount=amount,
        currency=currency,
        source=source,
        created_at=database_now(),
    )
    SandboxMovement.objects.bulk_create([movement], ignore_conflicts=True)


def move_between(payer: str, payee: str, amount: int, currency: str, source: str) -> None:
    """Write both sides of a movement between the platform and an account."""
    move(payer, "transfer", -amount, currency, source)
    move(payee, "transfer", amount, currency, source)
