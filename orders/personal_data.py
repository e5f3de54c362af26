"""What an export of a person's data has of orders: one's own side of each."""

from orders.models import Address, Dispute, DisputeEvidence, Order, OrderEvent, Review
from soukloop.core.personal_data import PersonalTable, owned_by

_ORDER = (
    *("id", "product", "product__title", "payment_method", "delivery", "state", "carrier", "tracking_number"),
    *("created_at", "paid_at", "handed_over_at", "shipped_at", "delivered_at", "completed_at", "closed_at"),
)

TABLES = [
    PersonalTable(
        "addresses",
        Address,
        owned_by("person"),
        (
            *("id", "recipient", "phone", "emirate", "area", "street", "building", "apartment", "makani"),
            *("note", "is_default", "created_at"),
        ),
    ),
    PersonalTable("orders", Order, owned_by("buyer"), (*_ORDER, "shipping_address")),
    PersonalTable("orders_of_buyers", Order, owned_by("seller"), _ORDER),
    PersonalTable("steps_of_orders", OrderEvent, owned_by("actor"), ("order", "state", "what", "created_at")),
    PersonalTable(
        "disputes_opened",
        Dispute,
        owned_by("opened_by"),
        (
            *("id", "order", "reason", "state", "decision", "refund_amount", "explanation", "created_at"),
            "closed_at",
        ),
    ),
    PersonalTable(
        "evidence_in_disputes",
        DisputeEvidence,
        owned_by("author"),
        ("dispute", "text", "image_urls", "created_at"),
    ),
    PersonalTable(
        "reviews_written",
        Review,
        owned_by("author"),
        ("id", "order", "rating", "text", "created_at", "published_at"),
    ),
]
