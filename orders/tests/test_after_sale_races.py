"""Disputes, completions and reviews at the same moment: real transactions in threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from orders.models import Dispute, Order, OrderEvent, Review
from orders.services import closing, disputes, reviews
from orders.tests.dispute_factories import TEXT, decide, make_dispute
from orders.tests.factories import make_order
from payments.models import Refund
from soukloop.core.errors import DomainError

pytestmark = pytest.mark.django_db(transaction=True)
State = Order.State


def at_once(*calls: Callable[[], Any]) -> list[str]:
    """Run the calls in threads of their own; return "ok" or the error's code for each."""

    def run(call: Callable[[], Any]) -> str:
        try:
            call()
        except DomainError as refused:
            return str(refused.code)
        finally:
            connections.close_all()
        return "ok"

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def open_one(order: Order) -> Callable[[], Any]:
    return lambda: disputes.open_dispute(actor=order.buyer, order_id=order.pk, reason="damaged", text=TEXT)


def test_of_a_dispute_and_a_completion_at_once_exactly_one_happens() -> None:
    order = make_order(state=State.HANDED_OVER)
    confirm: Callable[[], Any] = lambda: closing.confirm_order(actor=order.buyer, order_id=order.pk)  # noqa: E731
    outcomes = at_once(open_one(order), confirm)
    order.refresh_from_db()
    if outcomes[0] == "ok":
        assert (order.state, outcomes[1]) == (State.DISPUTED, "order_disputed")
    else:
        assert (order.state, outcomes) == (State.COMPLETED, ["order_completed", "ok"])
    assert Dispute.objects.count() == (order.state == State.DISPUTED)


def test_of_a_dispute_and_the_job_that_completes_at_once_exactly_one_happens() -> None:
    order = make_order(state=State.HANDED_OVER)
    # Due for the job, which reads the time later than the dispute may.
    Order.objects.filter(pk=order.pk).update(completes_at=timezone.now() + timedelta(milliseconds=150))
    at_once(open_one(order), *[closing.complete_due_orders] * 3)
    closing.complete_due_orders()
    order.refresh_from_db()
    is_disputed = Dispute.objects.exists()
    whats = list(OrderEvent.objects.filter(order=order).values_list("what", flat=True))
    assert ("dispute_opened" in whats, "completed" in whats) in ((True, False), (False, True), (False, False))
    assert is_disputed == ("dispute_opened" in whats)


def test_two_disputes_about_one_order_at_once_are_one() -> None:
    order = make_order(state=State.HANDED_OVER)
    assert sorted(at_once(open_one(order), open_one(order))) == ["ok", "order_disputed"]
    assert Dispute.objects.count() == 1


def test_a_dispute_is_closed_once_and_refunded_at_most_once() -> None:
    dispute = make_dispute(make_order(state=State.HANDED_OVER))
    order = dispute.order
    outcomes = at_once(
        lambda: decide(dispute, "full_refund"),
        lambda: disputes.accept_dispute(actor=order.seller, dispute_id=dispute.pk),
        lambda: disputes.withdraw_dispute(actor=order.buyer, dispute_id=dispute.pk),
    )
    assert sorted(outcomes) == ["dispute_closed", "dispute_closed", "ok"]
    assert Refund.objects.count() == (outcomes[2] != "ok")


def test_reviews_of_both_sides_at_once_are_both_published_and_counted_once() -> None:
    order = make_order(state=State.COMPLETED)

    def write(author: Any) -> Callable[[], Any]:
        return lambda: reviews.write_review(actor=author, order_id=order.pk, rating=4)

    outcomes = at_once(*[write(order.buyer), write(order.seller)] * 2)
    assert sorted(outcomes) == ["already_reviewed", "already_reviewed", "ok", "ok"]
    assert Review.objects.filter(published_at__isnull=False).count() == 2
    for person in (order.buyer, order.seller):
        person.refresh_from_db()
        assert (person.rating_sum, person.rating_count) == (4, 1)


def test_a_review_that_two_jobs_publish_at_once_counts_once() -> None:
    order = make_order(state=State.COMPLETED)
    reviews.write_review(actor=order.buyer, order_id=order.pk, rating=4)
    Review.objects.update(publishes_at=timezone.now())
    at_once(*[reviews.publish_due_reviews] * 3)
    order.seller.refresh_from_db()
    assert (order.seller.rating_sum, order.seller.rating_count) == (4, 1)
