"""The admin screen of orders."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.http import HttpRequest
from django.utils.safestring import SafeString

from orders.models import Order
from orders.models.addresses import COPIED_FIELDS
from orders.selectors import timeline_of
from payments.models import Payment
from soukloop.core.db.clock import database_now
from soukloop.core.staff import format
from soukloop.core.staff.money_lists import Column, MoneyListAdmin, Total

_PEOPLE = ("buyer__username", "buyer__email", "seller__username", "seller__email")
_VAT = Subquery(Payment.objects.filter(reference=OuterRef("pk")).order_by("-created_at").values("vat")[:1])


@admin.register(Order)
class OrderAdmin(MoneyListAdmin):
    """Orders, each with its timeline, sale, payments, disputes and documents; codes are never shown."""

    list_display = ("made", "product_title", "price", "state_shown", "how", "buyer_link", "seller_link")
    list_select_related = ("transaction", "product", "buyer", "seller")
    list_filter = ("state", "payment_method", "delivery", "created_at", "completed_at")
    link_lookups = ("buyer__id__exact", "seller__id__exact")
    search_fields = (
        *("=id", "=transaction__id", "=product__id", "product__title", "=tracking_number"),
        *_PEOPLE,
    )
    search_help_text = (
        "An id (also of the sale or product), words of the title, a tracking number, a username"
    )
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    totals = (
        Total("Price", "transaction__price", is_decimal=True),
        Total("Fee", "transaction__platform_fee", is_decimal=True),
        Total("VAT in the fee", _VAT),
    )
    columns = (
        *(Column("Order", "id"), Column("Sale", "transaction_id"), Column("Product", "product__title")),
        *(Column("Created", "created_at"), Column("Paid", "paid_at"), Column("Completed", "completed_at")),
        *(Column("State", "state"), Column("Payment", "payment_method"), Column("Delivery", "delivery")),
        *(Column("Buyer", "buyer__username"), Column("Seller", "seller__username")),
        *(Column("Currency", "transaction__currency"), Column("Price", "transaction__price")),
        *(Column("Fee", "transaction__platform_fee"), Column("VAT in the fee", _VAT, is_fils=True)),
        Column("Payout", "transaction__seller_payout"),
    )
    fieldsets = (
        (None, {"fields": ("id", "product", "state_shown", "buyer_link", "seller_link", "sale_link")}),
        (
            "Money",
            {"fields": ("payment_method", "price", "fee", "payout", "payments_table", "documents_list")},
        ),
        ("Delivery", {"fields": ("delivery", "address", "carrier", "tracking_number", "code_locked_until")}),
        ("Disputes", {"fields": ("disputes_list", "conversation_link")}),
        ("Timeline", {"fields": ("timeline_table",)}),
        (
            "Times",
            {
                "fields": (
                    *("created_at", "expires_at", "authorised_at", "paid_at", "handed_over_at", "shipped_at"),
                    *(
                        "delivered_at",
                        "completes_at",
                        "completed_at",
                        "closed_at",
                        "closed_by",
                        "close_reason",
                    ),
                )
            },
        ),
    )
    readonly_fields = (
        *("state_shown", "buyer_link", "seller_link", "sale_link", "price", "fee", "payout"),
        *("payments_table", "documents_list", "address", "disputes_list", "conversation_link"),
        "timeline_table",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Add whether the reader may see payments: moderators may not."""
        orders: QuerySet[Order] = super().get_queryset(request)
        return orders.annotate(sees_payments=Value(request.user.has_perm("payments.view_payment")))

    @admin.display(description="made", ordering="created_at")
    def made(self, order: Order) -> str:
        return format.short_datetime(order.created_at)

    @admin.display(description="product", ordering="product__title")
    def product_title(self, order: Order) -> str:
        return format.truncate(order.product.title, 28)

    @admin.display(description="price", ordering="transaction__price")
    def price(self, order: Order) -> str:
        return format.money(order.transaction.currency, order.transaction.price)

    @admin.display(description="fee, VAT included")
    def fee(self, order: Order) -> str:
        return format.money(order.transaction.currency, order.transaction.platform_fee)

    @admin.display(description="payout")
    def payout(self, order: Order) -> str:
        return format.money(order.transaction.currency, order.transaction.seller_payout)

    @admin.display(description="state", ordering="state")
    def state_shown(self, order: Order) -> str:
        return format.words(order.state_at(database_now()))

    @admin.display(description="how", ordering="payment_method")
    def how(self, order: Order) -> str:
        return f"{format.words(order.payment_method)}, {format.words(order.delivery)}"

    @admin.display(description="buyer", ordering="buyer__username")
    def buyer_link(self, order: Order) -> SafeString | str:
        return format.link_to(order.buyer, 16)

    @admin.display(description="seller", ordering="seller__username")
    def seller_link(self, order: Order) -> SafeString | str:
        return format.link_to(order.seller, 16)

    @admin.display(description="sale")
    def sale_link(self, order: Order) -> SafeString | str:
        return format.link_to(order.transaction, text=format.words(order.transaction.status))

    @admin.display(description="payments")
    def payments_table(self, order: Any) -> SafeString | str:
        payments = Payment.objects.filter(reference=order.pk).order_by("created_at")
        rows = [
            (
                format.full_datetime(payment.created_at),
                format.link_to(payment) if order.sees_payments else str(payment),
                format.words(payment.state),
                format.words(payment.provider),
                format.fils(payment.refunded, payment.currency) if payment.refunded else format.NOTHING,
            )
            for payment in payments
        ]
        return format.table(("Begun", "Payment", "State", "By", "Refunded"), rows)

    @admin.display(description="documents")
    def documents_list(self, order: Any) -> SafeString | str:
        if not order.sees_payments:
            return format.NOTHING
        payments = Payment.objects.filter(reference=order.pk).prefetch_related("documents__series")
        links = [format.link_to(each) for payment in payments for each in payment.documents.all()]
        return format.join_dots(*links) or format.NOTHING

    @admin.display(description="address, as it was then")
    def address(self, order: Order) -> SafeString | str:
        copy = order.shipping_address or {}
        rows = [(format.words(name), copy[name]) for name in COPIED_FIELDS if copy.get(name)]
        return format.table(("", ""), rows)

    @admin.display(description="disputes")
    def disputes_list(self, order: Order) -> SafeString | str:
        links = [format.link_to(dispute) for dispute in order.disputes.order_by("created_at")]
        return format.join_dots(*links) or format.NOTHING

    @admin.display(description="conversation")
    def conversation_link(self, order: Order) -> SafeString | str:
        return conversation_of(order)

    @admin.display(description="timeline")
    def timeline_table(self, order: Order) -> SafeString | str:
        rows = [
            (
                format.full_datetime(event.created_at),
                format.words(event.what),
                format.words(event.state),
                event.actor or "automatic",
            )
            for event in timeline_of(order)
        ]
        return format.table(("Time", "What", "State afterwards", "By"), rows)


def conversation_of(order: Order) -> SafeString | str:
    """Link to the conversation of the two sides about the product."""
    return format.link_to(order.transaction.offer.conversation, text="Read what they wrote")
