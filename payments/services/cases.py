"""Cases for finance: what a person must decide, with our figures and the provider's."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from payments.error_codes import PaymentsErrorCode
from payments.models import FinanceCase, Payment, Payout
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden, NotFound
from soukloop.core.staff.history import log_staff_action

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)


def open_case(
    *,
    kind: FinanceCase.Kind,
    key: str,
    ours: Mapping[str, Any] | None = None,
    theirs: Mapping[str, Any] | None = None,
    person: "User | None" = None,
    payment: Payment | None = None,
    payout: Payout | None = None,
) -> FinanceCase:
    """Open a case in the caller's transaction, or return the open one of this kind and key.

    An open case gets the new figures. Amounts are in fils; both sides are JSON.
    """
    figures = {"ours": dict(ours or {}), "theirs": dict(theirs or {})}
    case, is_new = FinanceCase.objects.get_or_create(
        kind=kind,
        key=key,
        closed_at=None,
        defaults={
            **figures,
            "person": person,
            "payment": payment,
            "payout": payout,
            "created_at": database_now(),
        },
    )
    if is_new:
        logger.warning("finance case %s was opened: %s %s", case.pk, kind, key)
    elif (case.ours, case.theirs) != (figures["ours"], figures["theirs"]):
        case.ours, case.theirs = figures["ours"], figures["theirs"]
        case.save(update_fields=["ours", "theirs"])
    return case


@transaction.atomic
def close_case(*, actor: "User", case_id: UUID, resolution: str) -> FinanceCase:
    """Close a case with what was decided.

    Raises Forbidden unless the actor is staff with the "change" permission on cases, NotFound, and Conflict
    (`case_closed`).
    """
    require_finance(actor)
    case = FinanceCase.objects.select_for_update().filter(pk=case_id).first()
    if case is None:
        raise NotFound
    if case.closed_at is not None:
        raise Conflict(_("This case is closed already."), code=PaymentsErrorCode.CASE_CLOSED)
    case.closed_at, case.closed_by, case.resolution = database_now(), actor, resolution
    case.save(update_fields=["closed_at", "closed_by", "resolution"])
    log_staff_action(actor=actor, row=case, message=f"Closed: {resolution}")
    return case


def require_finance(actor: "User") -> None:
    """Raise Forbidden unless the actor is staff who may decide cases of finance."""
    if not (actor.is_staff and actor.has_perm("payments.change_financecase")):
        raise Forbidden
