"""Cases of finance: opened once, closed once, by staff with the permission."""

from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry

from accounts.models import User
from accounts.tests.factories import make_staff, make_user
from payments.models import FinanceCase
from payments.services.cases import close_case, open_case
from soukloop.core.errors import Conflict, Forbidden, NotFound

Kind = FinanceCase.Kind


@pytest.fixture
def case(db: None) -> FinanceCase:
    return open_case(kind=Kind.DIFFERENCE, key="sandbox:txn_1", ours={"amount": 5}, theirs={"amount": 6})


def test_open_case_is_opened_once_and_gets_the_new_figures(case: FinanceCase) -> None:
    again = open_case(kind=Kind.DIFFERENCE, key="sandbox:txn_1", ours={"amount": 5}, theirs={"amount": 7})
    assert again.pk == case.pk
    case.refresh_from_db()
    assert case.theirs == {"amount": 7}


def test_closed_case_is_logged_and_may_be_opened_again(case: FinanceCase) -> None:
    staff = make_staff()
    close_case(actor=staff, case_id=case.pk, resolution="The provider was late")
    case.refresh_from_db()
    assert case.closed_by == staff
    assert LogEntry.objects.get().get_change_message() == "Closed: The provider was late"
    assert open_case(kind=Kind.DIFFERENCE, key="sandbox:txn_1").pk != case.pk


def test_case_is_closed_once(case: FinanceCase) -> None:
    staff = make_staff()
    close_case(actor=staff, case_id=case.pk, resolution="Done")
    with pytest.raises(Conflict) as refused:
        close_case(actor=staff, case_id=case.pk, resolution="Again")
    assert refused.value.code == "case_closed"
    case.refresh_from_db()
    assert case.resolution == "Done"


@pytest.mark.parametrize("make", [make_user, lambda: make_user(is_staff=True)])
def test_case_is_not_closed_without_the_permission(case: FinanceCase, make: type[User]) -> None:
    with pytest.raises(Forbidden):
        close_case(actor=make(), case_id=case.pk, resolution="Done")
    case.refresh_from_db()
    assert case.closed_at is None


def test_unknown_case_is_not_found(db: None) -> None:
    with pytest.raises(NotFound):
        close_case(actor=make_staff(), case_id=uuid4(), resolution="Done")
