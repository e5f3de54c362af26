"""The screens of orders, disputes and reviews, and what staff decide on them."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from accounts.tests.factories import make_finance, make_moderator, make_user
from orders.codes import plain_code
from orders.models import Dispute, Order
from orders.services import disputes, reviews
from orders.tests.dispute_factories import make_dispute, payment_of, upload_picture
from orders.tests.factories import make_order
from orders.tests.staff_screens import make_review
from payments.models import Refund
from soukloop.core.errors import Forbidden
from soukloop.tests.staff import list_url, read

pytestmark = pytest.mark.django_db
State = Order.State


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def page_of(user: User, row: Any) -> str:
    return read(browser_of(user), f"{list_url(type(row))}{row.pk}/change/").replace("\u00a0", " ")


def act(user: User, row: Any, action: str, **fields: str) -> str:
    body = {"action": action, "_selected_action": [row.pk], "confirmed": "yes"} | fields
    response = browser_of(user).post(list_url(type(row)), body, follow=True)
    return str(response.content.decode()).replace("\u00a0", " ")


def decide(user: User, dispute: Dispute, decision: str, **fields: str) -> str:
    return act(user, dispute, "decide", **{"decision": decision, "explanation": "It is torn."} | fields)


def test_the_code_of_the_hand_over_is_on_no_page_of_staff() -> None:
    order, finance = make_order(), make_finance()
    code = plain_code(order.hand_over_code)
    for page in (page_of(finance, order), read(browser_of(finance), list_url(Order))):
        assert code not in page
        assert order.hand_over_code not in page


def test_an_address_is_on_the_orders_page_and_in_no_list() -> None:
    finance = make_finance()
    order = make_order(
        payment_method=Order.PaymentMethod.CARD, delivery=Order.Delivery.SHIPPING, state=State.PAID
    )
    assert order.shipping_address
    area = str(order.shipping_address["area"])
    assert area in page_of(finance, order)
    assert area not in read(browser_of(finance), list_url(Order))
    exported = browser_of(finance).post(f"{list_url(Order)}export/")
    assert exported.status_code == 200


def test_orders_are_added_up() -> None:
    for _ in range(2):
        make_order()
    page = read(browser_of(make_moderator()), list_url(Order)).replace("\u00a0", " ")
    total = sum(order.transaction.price for order in Order.objects.select_related("transaction"))
    assert f"<dt>Price</dt><dd>AED {total:,.2f}</dd>" in page
    assert "<dt>Rows</dt><dd>2</dd>" in page


def test_moderators_see_that_an_order_is_paid_without_links_to_payments() -> None:
    dispute = make_dispute()
    link = f"/admin/payments/payment/{payment_of(dispute.order).pk}/"
    assert link not in page_of(make_moderator(), dispute.order)
    assert link in page_of(make_finance(), dispute.order)


def test_a_dispute_shows_both_sides_words_and_pictures_and_their_conversation() -> None:
    dispute = make_dispute(text="The sole <b>is torn</b>.")
    seller = dispute.order.seller
    picture = upload_picture(seller)
    disputes.add_evidence(actor=seller, dispute_id=dispute.pk, text="It was whole.", image_urls=[picture])
    page = page_of(make_moderator(), dispute)
    assert "The sole &lt;b&gt;is torn&lt;/b&gt;." in page
    assert "It was whole." in page
    assert f'<img src="{picture}"' in page
    assert f"/admin/chat/conversation/{dispute.order.transaction.offer.conversation_id}/change/" in page


@pytest.mark.parametrize("make_actor", [make_moderator, make_finance])
def test_moderators_and_finance_decide_disputes(make_actor: Any) -> None:
    actor, dispute = make_actor(), make_dispute()
    assert "is decided" in decide(actor, dispute, "partial_refund", refund_amount="100.00")
    assert "closed" in decide(actor, dispute, "full_refund"), "a second click"
    dispute.refresh_from_db()
    assert (dispute.decision, dispute.decided_by) == ("partial_refund", actor)
    assert [refund.amount for refund in payment_of(dispute.order).refunds.all()] == [10_000]
    assert LogEntry.objects.filter(object_id=str(dispute.pk), user=actor).count() == 1


def test_a_big_refund_of_a_dispute_waits_for_finance_and_the_page_says_so(settings: Any) -> None:
    settings.REFUND_TWO_PEOPLE_ABOVE_FILS = 1_000
    moderator, dispute = make_moderator(), make_dispute()
    assert "waits until somebody of finance approves it" in decide(moderator, dispute, "full_refund")
    refund = payment_of(dispute.order).refunds.get()
    assert refund.state == Refund.State.WAITING
    act(moderator, refund, "approve", reason="x")
    refund.refresh_from_db()
    assert refund.state == Refund.State.WAITING
    act(make_finance(), refund, "approve", reason="Seen")
    refund.refresh_from_db()
    assert refund.state == Refund.State.REQUESTED


@pytest.mark.parametrize(
    "fields",
    [
        {"decision": "partial_refund"},
        {"decision": "partial_refund", "refund_amount": "1000000.00"},
        {"decision": "no_refund", "refund_amount": "1.00"},
        {"decision": ""},
        {"decision": "full_refund", "explanation": " "},
    ],
)
def test_an_impossible_decision_leaves_the_dispute_open(fields: dict[str, str]) -> None:
    dispute = make_dispute()
    decide(make_finance(), dispute, **fields)
    dispute.refresh_from_db()
    assert dispute.state == Dispute.State.OPEN
    assert not Refund.objects.exists()


def test_staff_without_the_permission_decide_and_hide_nothing() -> None:
    dispute, review = make_dispute(), make_review()
    for actor in (make_user(is_staff=True), make_user()):
        with pytest.raises(Forbidden):
            disputes.decide_dispute(actor=actor, dispute_id=dispute.pk, decision="no_refund", explanation="x")
        with pytest.raises(Forbidden):
            reviews.hide_review(actor=actor, review_id=review.pk, reason="x")
    dispute.refresh_from_db()
    review.refresh_from_db()
    assert (dispute.state, review.hidden_at) == (Dispute.State.OPEN, None)


def test_a_moderator_hides_a_review_once_and_shows_it_again() -> None:
    moderator, review = make_moderator(), make_review()
    act(moderator, review, "hide", reason="Insult")
    assert "hidden already" in act(moderator, review, "hide", reason="Again")
    review.refresh_from_db()
    assert review.hidden_at is not None
    act(moderator, review, "show_again", reason="Mistake")
    review.refresh_from_db()
    assert review.hidden_at is None
    messages = LogEntry.objects.filter(object_id=str(review.pk)).values_list("change_message", flat=True)
    assert sorted(messages) == ["Hidden: Insult", "Shown again: Mistake"]


def test_finance_hides_no_review() -> None:
    review = make_review()
    act(make_finance(), review, "hide", reason="x")
    review.refresh_from_db()
    assert review.hidden_at is None
