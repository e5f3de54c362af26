"""Comparing what a provider tells with our row."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from payments.models import FinanceCase, Payment, Payout
from payments.services.cases import open_case

logger = logging.getLogger(__name__)


def is_ours(
    subject: str,
    row_id: UUID,
    *,
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    payment: Payment | None = None,
    payout: Payout | None = None,
) -> bool:
    """Return whether the figures are the same; open a case for finance if they are not.

    `row_id` is our row's id. Both sides name the same figures.
    """
    if ours == theirs:
        return True
    logger.error("%s %s differs from what the provider tells", subject, row_id)
    open_case(
        kind=FinanceCase.Kind.AMOUNT_MISMATCH,
        key=f"{subject}:{row_id}",
        ours=ours,
        theirs=theirs,
        payment=payment,
        payout=payout,
    )
    return False


def identity(row_id: UUID, external_id: str, told_id: str, told_reference: str) -> tuple[Any, Any]:
    """Return our and the provider's ids of an object as mappings for `is_ours`.

    The provider's id decides once we know it. Before that, the provider must name our row.
    """
    if external_id:
        ours, theirs = {"id": external_id}, {"id": told_id}
        if told_reference:
            ours["reference"], theirs["reference"] = str(row_id), told_reference
        return ours, theirs
    return {"reference": str(row_id)}, {"reference": told_reference}
