"""Background jobs: expiry, reminders, blocks and bans."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.services.moderation import ban_user
from accounts.services.relations import block_user
from accounts.tests.factories import make_staff, make_user
from listings.tests.factories import make_product
from notifications.models import Notification
from offers.models import Offer
from offers.services import negotiation
from offers.tasks import close_for_people, expire_due, remind_of_expiring
from offers.tests.conftest import CommitAndCapture, all_rows
from offers.tests.factories import make_counter, make_offer

pytestmark = pytest.mark.django_db
NOON = datetime(2025, 10, 18, 12, tzinfo=UTC)


def test_expired_offers_are_saved_and_published_once(commit_and_capture: CommitAndCapture) -> None:
    with time_machine.travel(NOON, tick=False):
        offer, counter = make_offer(), make_counter(make_offer())
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False):
        younger = make_offer(offer.product)
    with time_machine.travel(NOON + timedelta(hours=24), tick=False), commit_and_capture() as events:
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
        received = {room for room, event, data in events if data.get("offerId") == str(one.pk)}
        assert received == {f"user.{one.buyer_id}", f"user.{one.seller_id}"}
        assert Notification.objects.filter(kind="offer_expired", user=one.made_by).count() == 1
    assert [event for _, event, _ in events].count("offer:expired") == 4
    younger.refresh_from_db()
    assert younger.status == "pending"


def test_recipient_is_reminded_once_two_hours_before_expiry(commit_and_capture: CommitAndCapture) -> None:
    with time_machine.travel(NOON, tick=False):
        offer, counter, answered = make_offer(), make_counter(make_offer()), make_offer()
        negotiation.decline_offer(actor=answered.seller, offer_id=answered.pk)
    with time_machine.travel(NOON + timedelta(hours=22, seconds=-1), tick=False):
        remind_of_expiring(0)
    assert not Notification.objects.filter(kind="offer_expiring").exists()
    with time_machine.travel(NOON + timedelta(hours=22), tick=False), commit_and_capture() as events:
        remind_of_expiring(0)
        remind_of_expiring(0)
    notified = Notification.objects.filter(kind="offer_expiring").values_list("user", "data__offer_id")
    assert set(notified) == {(offer.seller_id, str(offer.pk)), (counter.buyer_id, str(counter.pk))}
    assert len(notified) == 2
    assert [event for _, event, _ in events] == ["notification:new"] * 2


def test_no_reminder_after_expiry() -> None:
    with time_machine.travel(NOON, tick=False):
        make_offer()
    with time_machine.travel(NOON + timedelta(hours=24), tick=False):
        remind_of_expiring(0)
    assert not Notification.objects.filter(kind="offer_expiring").exists()


def run_jobs() -> None:
    for job in ProcrastinateJob.objects.filter(task_name="offers.close_for_people"):
        close_for_people(**job.args)


def test_block_declines_only_the_offers_between_the_two_users() -> None:
    buyer, product = make_user(), make_product()
    theirs, rival = make_offer(product, buyer=buyer), make_offer(product)
    elsewhere = make_offer(buyer=buyer)
    block_user(actor=product.seller, user_id=buyer.pk)
    run_jobs()
    run_jobs()
    statuses = dict(Offer.objects.values_list("pk", "status"))
    assert statuses == {theirs.pk: "declined", rival.pk: "pending", elsewhere.pk: "pending"}
    theirs.refresh_from_db()
    assert theirs.close_reason == "party_unavailable"


def test_ban_declines_all_offers_to_and_from_the_user() -> None:
    person = make_user()
    made, received = make_offer(buyer=person), make_offer(make_product(seller=person))
    other = make_offer()
    ban_user(actor=make_staff(), user_id=person.pk, reason="Fraud")
    run_jobs()
    statuses = dict(Offer.objects.values_list("pk", "status"))
    assert statuses == {made.pk: "declined", received.pk: "declined", other.pk: "pending"}


def test_jobs_without_work_change_nothing() -> None:
    make_offer()
    before = all_rows()
    expire_due(0)
    remind_of_expiring(0)
    close_for_people(user_id=str(make_user().pk))
    assert all_rows() == before
