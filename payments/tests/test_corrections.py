"""Corrections of the ledger: proposed by one member of staff, posted by another."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry

from accounts.models import User
from accounts.tests.factories import make_seller, make_staff, make_user
from payments.models import Correction, Entry, EntryLine
from payments.services import ledger
from payments.services.corrections import approve_correction, correct, reject_correction
from payments.services.ledger_check import check_ledger
from soukloop.core.errors import Conflict, Forbidden, NotFound, ValidationFailed

Account = EntryLine.Account


@pytest.fixture
def staff(db: None) -> User:
    return make_staff()


def goodwill(seller: User) -> list[ledger.Line]:
    return [(Account.FEES, None, 500), (Account.SELLER_AVAILABLE, seller.pk, -500)]


def test_correction_is_posted_by_a_second_person_and_logged(staff: User) -> None:
    seller, second = make_seller(), make_staff()
    correction = correct(actor=staff, lines=goodwill(seller), note="Our mistake")
    assert ledger.balance(Account.SELLER_AVAILABLE, seller) == 0
    entry = approve_correction(actor=second, correction_id=correction.pk)
    assert (entry.kind, entry.actor, entry.note) == (Entry.Kind.CORRECTION, second, "Our mistake")
    assert ledger.balance(Account.SELLER_AVAILABLE, seller) == -500
    assert LogEntry.objects.count() == 2
    assert check_ledger().differences == 0


def test_nobody_approves_their_own_correction(staff: User) -> None:
    correction = correct(actor=staff, lines=goodwill(make_seller()), note="Our mistake")
    with pytest.raises(Conflict) as refused:
        approve_correction(actor=staff, correction_id=correction.pk)
    assert refused.value.code == "correction_needs_second_person"
    assert not Entry.objects.exists()


def test_correction_is_decided_once(staff: User) -> None:
    correction = correct(actor=staff, lines=goodwill(make_seller()), note="Our mistake")
    reject_correction(actor=staff, correction_id=correction.pk)
    with pytest.raises(Conflict) as refused:
        approve_correction(actor=make_staff(), correction_id=correction.pk)
    assert refused.value.code == "correction_decided"
    assert not Entry.objects.exists()
    correction.refresh_from_db()
    assert correction.state == Correction.State.REJECTED


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [(Account.FEES, None, 5), (Account.VAT, None, -4)],
        [(Account.FEES, None, 0), (Account.VAT, None, 0)],
        [(Account.SELLER_AVAILABLE, None, 5), (Account.VAT, None, -5)],
        [(Account.FEES, uuid4(), 5), (Account.VAT, None, -5)],
        [("nonsense", None, 5), (Account.VAT, None, -5)],
        [(Account.SELLER_AVAILABLE, uuid4(), 5), (Account.VAT, None, -5)],
        [(Account.FEES, None, 0.5), (Account.VAT, None, -0.5)],
        [(Account.FEES, None, True), (Account.VAT, None, -1)],
        [(Account.FEES, None, "5"), (Account.VAT, None, "-5")],
        [(Account.FEES, None, 10**19), (Account.VAT, None, -(10**19))],
    ],
)
def test_lines_that_no_entry_may_have_are_refused(staff: User, lines: Any) -> None:
    with pytest.raises(ValidationFailed):
        correct(actor=staff, lines=lines, note="Our mistake")
    assert not Correction.objects.exists()


@pytest.mark.parametrize("note", [" ", "x" * 501, "a\x00b"])
def test_correction_needs_a_reason(staff: User, note: str) -> None:
    with pytest.raises(ValidationFailed):
        correct(actor=staff, lines=goodwill(make_seller()), note=note)
    assert not Correction.objects.exists()


def test_correction_is_for_staff_with_the_permission(staff: User) -> None:
    correction = correct(actor=staff, lines=goodwill(make_seller()), note="Our mistake")
    for actor in (make_user(), make_user(is_staff=True)):
        with pytest.raises(Forbidden):
            correct(actor=actor, lines=goodwill(make_seller()), note="Mine")
        with pytest.raises(Forbidden):
            approve_correction(actor=actor, correction_id=correction.pk)
        with pytest.raises(Forbidden):
            reject_correction(actor=actor, correction_id=correction.pk)
    assert not Entry.objects.exists()


def test_unknown_correction_is_not_found(staff: User) -> None:
    with pytest.raises(NotFound):
        approve_correction(actor=staff, correction_id=uuid4())
