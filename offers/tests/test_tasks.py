"""What the clock and other apps' changes do to offers, through the jobs themselves."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.services.moderation import ban
from accounts.services.relations import block
from accounts.tests.factories import make_staff, make_user
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer
from offers.services import negotiation
from offers.tasks import close_for_people, expire_due, remind_of_expiring
from offers.tests.conftest import Sent, snapshot
from offers.tests.factories import make_counter, make_offer

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)


def test_what_ran_out_is_written_down_and_announced_once(sent: Sent) -> None:
    with time_machine.travel(NOON, tick=False):
        offer, counter = make_offer(), make_counter(make_offer())
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False):
        younger = make_offer(offer.product)
    with time_machine.travel(NOON + timedelta(hours=24), tick=False), sent() as events:
        expire_due(0)
        expire_due(0)
    for one in (offer, counter):
        one.refresh_from_db()
        assert (one.status, one.close_reason, one.closed_at) == (
            "expired",
            "expired",
            NOON + timedelta(hours=24),
        )
        assert list(one.history.values_list("kind", flat=True)) == ["created", "expired"]
        heard = {room for room, event, data in events if data.get("offerId") == str(one.pk)}
        assert heard == {f"user.{one.buyer_id}", f"user.{one.seller_id}"}
        assert Notification.objects.filter(kind="offer_expired", user=one.made_by).count() == 1
    assert [event for _, event, _ in events].count("offer:expired") == 4
    younger.refresh_from_db()
    assert younger.status == "pending"


def test_who_has_to_answer_is_reminded_once_two_hours_before(sent: Sent) -> None:
    with time_machine.travel(NOON, tick=False):
        offer, counter, answered = make_offer(), make_counter(make_offer()), make_offer()
        negotiation.decline_offer(actor=answered.seller, offer_id=answered.pk)
    with time_machine.travel(NOON + timedelta(hours=22, seconds=-1), tick=False):
        remind_of_expiring(0)
    assert not Notification.objects.filter(kind="offer_expiring").exists()
    with time_machine.travel(NOON + timedelta(hours=22), tick=False), sent() as events:
        remind_of_expiring(0)
        remind_of_expiring(0)
    told = Notification.objects.filter(kind="offer_expiring").values_list("user", "data__offer_id")
    assert set(told) == {(offer.seller_id, str(offer.pk)), (counter.buyer_id, str(counter.pk))}
    assert len(told) == 2
    assert [event for _, event, _ in events] == ["notification:new"] * 2


def test_an_offer_that_was_never_reminded_of_in_time_is_not_when_it_is_over() -> None:
    with time_machine.travel(NOON, tick=False):
        make_offer()
    with time_machine.travel(NOON + timedelta(hours=24), tick=False):
        remind_of_expiring(0)
    assert not Notification.objects.filter(kind="offer_expiring").exists()


def run_jobs() -> None:
    for job in ProcrastinateJob.objects.filter(task_name="offers.close_for_people"):
        close_for_people(**job.args)


def test_a_block_closes_what_is_open_between_the_two_and_nothing_else() -> None:
    buyer, product = make_user(), make_product()
    theirs, rival = make_offer(product, buyer=buyer), make_offer(product)
    elsewhere = make_offer(buyer=buyer)
    block(actor=product.seller, user_id=buyer.pk)
    run_jobs()
    run_jobs()
    statuses = dict(Offer.objects.values_list("pk", "status"))
    assert statuses == {theirs.pk: "declined", rival.pk: "pending", elsewhere.pk: "pending"}
    theirs.refresh_from_db()
    assert theirs.close_reason == "party_unavailable"


def test_a_ban_closes_all_that_is_open_to_and_from_somebody() -> None:
    person = make_user()
    made, received = make_offer(buyer=person), make_offer(make_product(seller=person))
    other = make_offer()
    ban(actor=make_staff(), user_id=person.pk, reason="Fraud")
    run_jobs()
    statuses = dict(Offer.objects.values_list("pk", "status"))
    assert statuses == {made.pk: "declined", received.pk: "declined", other.pk: "pending"}


def test_jobs_with_nothing_to_do_change_nothing() -> None:
    make_offer()
    before = snapshot()
    expire_due(0)
    remind_of_expiring(0)
    close_for_people(user_id=str(make_user().pk))
    assert snapshot() == before
