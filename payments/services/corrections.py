"""Corrections of the ledger: one member of finance proposes the lines, another posts or rejects them."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from payments import access
from payments.error_codes import PaymentsErrorCode
from payments.models import Correction, Entry, EntryLine, Payment
from payments.services import ledger
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, NotFound, ValidationFailed
from soukloop.core.money import from_fils
from soukloop.core.staff.history import log_staff_action

_NOTE_LENGTH = Correction._meta.get_field("note").max_length or 0
_LARGEST = 10**15  # fils; the sums of many such lines still fit the column
_OF_A_PERSON = frozenset({"seller_pending", "seller_available", "seller_on_its_way", "fee_debt"})


@transaction.atomic
def correct(
    *, actor: User, lines: Sequence[ledger.Line], note: str, payment: Payment | None = None
) -> Correction:
    """Propose a correction; it is posted when another member of staff approves it.

    With a payment, the correction mends what the ledger holds of that payment, and counts in its proof.
    Raises Forbidden, and ValidationFailed for lines that no entry may have.
    """
    access.require_staff(actor, "payments.add_correction")
    _require_possible(lines, note)
    correction = Correction.objects.create(
        lines=[
            {"account": str(account), "person": str(person) if person else None, "amount": amount}
            for account, person, amount in lines
        ],
        payment=payment,
        note=note,
        requested_by=actor,
        created_at=database_now(),
    )
    log_staff_action(actor=actor, row=correction, message=f"Proposed {_words(correction)}: {note}")
    return correction


@transaction.atomic
def approve_correction(*, actor: User, correction_id: UUID) -> Entry:
    """Post a correction that somebody else proposed.

    Raises Forbidden, NotFound, and Conflict (`correction_decided`, `correction_needs_second_person`).
    """
    correction = _lock(actor, correction_id)
    if correction.requested_by_id == actor.pk:
        raise Conflict(
            _("Another member of staff must approve this."),
            code=PaymentsErrorCode.CORRECTION_NEEDS_SECOND_PERSON,
        )
    _decide(correction, actor, Correction.State.POSTED)
    entry = ledger.post(
        kind=Entry.Kind.CORRECTION,
        key=f"correction:{correction.pk}",
        lines=[
            (
                EntryLine.Account(line["account"]),
                UUID(line["person"]) if line["person"] else None,
                line["amount"],
            )
            for line in correction.lines
        ],
        payment=correction.payment,
        actor=actor,
        note=correction.note,
    )
    assert entry is not None
    return entry


@transaction.atomic
def reject_correction(*, actor: User, correction_id: UUID) -> Correction:
    """Reject a correction, one's own too. Raises Forbidden, NotFound, and Conflict (`correction_decided`)."""
    correction = _lock(actor, correction_id)
    _decide(correction, actor, Correction.State.REJECTED)
    return correction


def _lock(actor: User, correction_id: UUID) -> Correction:
    access.require_staff(actor, "payments.change_correction")
    found = Correction.objects.filter(pk=correction_id).first()
    if found is None:
        raise NotFound
    payment = access.lock_payment(found.payment_id) if found.payment_id else None
    correction = Correction.objects.select_for_update(no_key=True).get(pk=correction_id)
    correction.payment = payment
    if correction.state != Correction.State.WAITING:
        raise Conflict(
            _("This correction was posted or rejected already."), code=PaymentsErrorCode.CORRECTION_DECIDED
        )
    return correction


def _decide(correction: Correction, actor: User, state: Correction.State) -> None:
    correction.state, correction.decided_by, correction.decided_at = state, actor, database_now()
    correction.save(update_fields=["state", "decided_by", "decided_at"])
    log_staff_action(actor=actor, row=correction, message=f"{state.label} {_words(correction)}")


def _require_possible(lines: Sequence[ledger.Line], note: str) -> None:
    problems: dict[str, list[object]] = {}
    if not note.strip():
        problems["note"] = [_("Say why.")]
    elif len(note) > _NOTE_LENGTH or "\x00" in note:
        problems["note"] = [_("This is too long.")]
    people = {line[1] for line in lines if line[1] is not None}
    if any(account not in EntryLine.Account.values for account, _person, _amount in lines):
        problems["lines"] = [_("There is no such account.")]
    elif not all(type(line[2]) is int and abs(line[2]) <= _LARGEST for line in lines):
        problems["lines"] = [_("The amounts must be whole numbers of fils.")]
    elif len(lines) < 2 or sum(line[2] for line in lines) != 0 or not all(line[2] != 0 for line in lines):
        problems["lines"] = [_("The amounts must add up to zero, and none may be zero.")]
    elif any((account in _OF_A_PERSON) != (person is not None) for account, person, _amount in lines):
        problems["lines"] = [_("Name a person exactly for the accounts of sellers.")]
    elif User.objects.filter(pk__in=people).count() != len(people):
        problems["lines"] = [_("There is no such person.")]
    if problems:
        raise ValidationFailed(details=problems)


def _words(correction: Correction) -> str:
    return ", ".join(f"{line['account']} {from_fils(line['amount']):,}" for line in correction.lines)
