"""Kinds of notification about orders."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from notifications.kinds import Kind, Template, declare_kind

_DATA = {
    "order_id": "3f0b7a52-6d0e-4a0c-9a8e-1c1f4b0c0d21",
    "product_id": "e2c1a4f0-9a53-4b0e-8f0b-6f0f2f1c7d10",
    "conversation_id": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
}
_REVIEW_DATA = {
    "order_id": _DATA["order_id"],
    "review_id": "6c1d7f7e-54a5-4b0a-8d3e-5b1f0a7e2c31",
    "user_id": "2a9e2c50-07b5-4e0b-8a57-f1b1c1d0a001",
}
_PARAMS = {
    "actor": "@omar",
    "price": {"amount": "850.00", "currency": "AED"},
    "product": "Nike Air Jordan 1",
}


def declare_order_kind(name: str, *, label: Template, when: str, title: Template) -> Kind:
    """Declare a kind whose notifications lead to the order; each takes the place of the earlier one."""
    return declare_kind(
        Kind(
            name=name,
            label=label,
            when=when,
            title=title,
            body="%(product)s",
            link="orders/{order_id}",
            collapse_key="order:{order_id}",
            is_urgent=True,
            expires_after=timedelta(days=7),
            example_params=_PARAMS,
            example_data=_DATA,
        )
    )


ORDER_NEW = declare_order_kind(
    "order_new",
    label=_("New orders"),
    when="Somebody buys your product, to be paid in person",
    title=_("%(actor)s buys for %(price)s, to be paid in person"),
)
ORDER_PAID = declare_order_kind(
    "order_paid",
    label=_("Paid orders"),
    when="An order was paid by card; both sides are told",
    title=_("%(price)s paid by card"),
)
ORDER_PAYMENT_FAILED = declare_order_kind(
    "order_payment_failed",
    label=_("Failed payments"),
    when="The payment of your order failed; you can pay again, or in person",
    title=_("The payment of %(price)s failed"),
)
ORDER_EXPIRED = declare_order_kind(
    "order_expired",
    label=_("Expired orders"),
    when="An order was not paid in time",
    title=_("The order for %(price)s was not paid in time"),
)
ORDER_CANCELLED = declare_order_kind(
    "order_cancelled",
    label=_("Cancelled orders"),
    when="The other side cancels an order, or it can't be carried out",
    title=_("Order for %(price)s cancelled"),
)
ORDER_HANDED_OVER = declare_order_kind(
    "order_handed_over",
    label=_("Hand-overs"),
    when="The seller has entered your code: the product counts as handed over",
    title=_("Handed over for %(price)s"),
)
ORDER_CODE_LOCKED = declare_order_kind(
    "order_code_locked",
    label=_("Wrong hand-over codes"),
    when="A wrong hand-over code was entered five times for your order",
    title=_("A wrong code was entered five times"),
)
ORDER_MEETING = declare_order_kind(
    "order_meeting",
    label=_("Questions about hand-overs"),
    when="An order to be paid in person has waited for seven days; both sides are asked",
    title=_("Have you met for %(price)s? Enter the code, or cancel the order"),
)
ORDER_COMPLETED = declare_order_kind(
    "order_completed",
    label=_("Completed orders"),
    when="An order is completed: the buyer confirmed it, or the time for it is over",
    title=_("Order for %(price)s completed"),
)
ORDER_REFUNDED = declare_order_kind(
    "order_refunded",
    label=_("Refunds"),
    when="An order was refunded, in full or in part; both sides are told",
    title=_("Order for %(price)s refunded"),
)
ORDER_CHARGEBACK = declare_order_kind(
    "order_chargeback",
    label=_("Chargebacks"),
    when="The buyer's bank takes back what was paid to you, or has decided about it",
    title=_("The buyer's bank disputes the payment of %(price)s"),
)

ORDER_SHIPPED = declare_order_kind(
    "order_shipped",
    label=_("Parcels on their way"),
    when="The seller has sent your order, or corrected its tracking number",
    title=_("Your order for %(price)s is on its way"),
)
ORDER_DELIVERED = declare_order_kind(
    "order_delivered",
    label=_("Delivered parcels"),
    when="A parcel was delivered, or counts as delivered after 14 days; both sides are told",
    title=_("Order for %(price)s delivered"),
)
DISPUTE_OPENED = declare_order_kind(
    "dispute_opened",
    label=_("Disputes about your sales"),
    when="The buyer disputes an order, or a dispute is open again",
    title=_("The order for %(price)s is disputed"),
)
DISPUTE_EVIDENCE = declare_order_kind(
    "dispute_evidence",
    label=_("Answers in disputes"),
    when="The other side adds something to a dispute",
    title=_("%(actor)s answered in the dispute about %(price)s"),
)
DISPUTE_WITHDRAWN = declare_order_kind(
    "dispute_withdrawn",
    label=_("Withdrawn disputes"),
    when="The buyer withdraws a dispute",
    title=_("%(actor)s withdrew the dispute about %(price)s"),
)
DISPUTE_ACCEPTED = declare_order_kind(
    "dispute_accepted",
    label=_("Accepted disputes"),
    when="The seller accepts your dispute: you get everything back",
    title=_("%(actor)s accepted your dispute about %(price)s"),
)
DISPUTE_DECIDED = declare_order_kind(
    "dispute_decided",
    label=_("Decided disputes"),
    when="Our staff have decided a dispute; both sides are told",
    title=_("The dispute about %(price)s is decided"),
)
REVIEW_WAITING = declare_kind(
    Kind(
        name="review_waiting",
        label=_("Reviews that wait for yours"),
        when="The other side has reviewed your order; their review is shown when you write yours",
        title=_("%(actor)s has reviewed your order. Write yours to see it"),
        body="%(product)s",
        link="orders/{order_id}",
        collapse_key="review:{order_id}",
        expires_after=timedelta(days=7),
        example_params={"actor": "@omar", "product": "Nike Air Jordan 1"},
        example_data=_REVIEW_DATA,
    )
)
REVIEW_SHOWN = declare_kind(
    Kind(
        name="review_shown",
        label=_("Published reviews"),
        when="A review about you is published",
        title=_("%(actor)s has reviewed you"),
        body="%(product)s",
        link="users/{user_id}/reviews",
        collapse_key="review:{order_id}",
        expires_after=timedelta(days=7),
        example_params={"actor": "@omar", "product": "Nike Air Jordan 1"},
        example_data=_REVIEW_DATA,
    )
)

NOTICES: dict[str, tuple[Kind | None, Kind | None]] = {
    "authorised_in_person": (None, ORDER_NEW),
    "paid": (ORDER_PAID, ORDER_PAID),
    "payment_failed": (ORDER_PAYMENT_FAILED, None),
    "expired": (ORDER_EXPIRED, ORDER_EXPIRED),
    "cancelled": (ORDER_CANCELLED, ORDER_CANCELLED),
    "handed_over": (ORDER_HANDED_OVER, None),
    "code_locked": (ORDER_CODE_LOCKED, None),
    "meeting_asked": (ORDER_MEETING, ORDER_MEETING),
    "completed": (ORDER_COMPLETED, ORDER_COMPLETED),
    "refunded": (ORDER_REFUNDED, ORDER_REFUNDED),
    "partially_refunded": (ORDER_REFUNDED, ORDER_REFUNDED),
    "chargeback_opened": (None, ORDER_CHARGEBACK),
    "shipped": (ORDER_SHIPPED, None),
    "tracking_corrected": (ORDER_SHIPPED, None),
    "delivered": (ORDER_DELIVERED, ORDER_DELIVERED),
    "assumed_delivered": (ORDER_DELIVERED, ORDER_DELIVERED),
    "dispute_opened": (None, DISPUTE_OPENED),
    "dispute_reopened": (DISPUTE_OPENED, DISPUTE_OPENED),
    "dispute_evidence": (DISPUTE_EVIDENCE, DISPUTE_EVIDENCE),
    "dispute_withdrawn": (None, DISPUTE_WITHDRAWN),
    "dispute_accepted": (DISPUTE_ACCEPTED, None),
    "dispute_decided": (DISPUTE_DECIDED, DISPUTE_DECIDED),
}
"""What happened to an order → the kinds with which the buyer and the seller are notified.

Whoever did it isn't.
"""
