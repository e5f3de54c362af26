"""The admin screen of the monthly bills of fees."""

from django.contrib import admin
from django.utils.safestring import SafeString

from payments.admin.shown import amount_cell, person
from payments.models import FeeBill, Payment
from soukloop.core.staff import format
from soukloop.core.staff.money_lists import Column, MoneyListAdmin, Total


@admin.register(FeeBill)
class FeeBillAdmin(MoneyListAdmin):
    """Bills for the fees of sales in person, with the payments that were tried."""

    list_display = ("month_shown", "total", "state", "seller_link", "attempts", "due", "next_attempt")
    list_select_related = ("seller",)
    list_filter = ("state", "month", "due_at")
    link_lookups = ("seller__id__exact",)
    search_fields = ("=id", "seller__username", "seller__email")
    search_help_text = "An id, a username or an email"
    ordering = ("-created_at",)
    totals = (Total("Amount, with VAT", "amount"),)
    columns = (
        *(Column("Bill", "id"), Column("Month", "month"), Column("Seller", "seller__username")),
        *(Column("State", "state"), Column("Attempts", "attempts"), Column("Due", "due_at")),
        *(Column("Closed", "closed_at"), Column("Currency", "currency")),
        Column("Amount", "amount", is_fils=True),
    )
    fieldsets = (
        (None, {"fields": ("id", "seller_link", "month_shown", "total", "state", "attempts")}),
        ("Payments", {"fields": ("payments_table",)}),
        ("Times", {"fields": ("created_at", "due_at", "next_attempt_at", "closed_at")}),
    )
    readonly_fields = ("seller_link", "month_shown", "total", "payments_table")

    @admin.display(description="month", ordering="month")
    def month_shown(self, bill: FeeBill) -> str:
        return f"{bill.month:%B %Y}"

    @admin.display(description="amount", ordering="amount")
    def total(self, bill: FeeBill) -> SafeString:
        return amount_cell(format.fils(bill.amount, bill.currency))

    @admin.display(description="seller", ordering="seller__username")
    def seller_link(self, bill: FeeBill) -> SafeString | str:
        return person(bill.seller)

    @admin.display(description="due", ordering="due_at")
    def due(self, bill: FeeBill) -> str:
        return format.short_datetime(bill.due_at)

    @admin.display(description="next attempt", ordering="next_attempt_at")
    def next_attempt(self, bill: FeeBill) -> str:
        return format.short_datetime(bill.next_attempt_at)

    @admin.display(description="payments")
    def payments_table(self, bill: FeeBill) -> SafeString | str:
        payments = Payment.objects.filter(reference=bill.pk).order_by("created_at")
        return format.table(
            ("Begun", "Payment", "State", "Failure"),
            [
                (
                    format.full_datetime(payment.created_at),
                    format.link_to(payment),
                    format.words(payment.state),
                    payment.failure_code or format.NOTHING,
                )
                for payment in payments
            ],
        )
