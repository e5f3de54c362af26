"""The admin screen of refunds, with the consent of a second person."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from payments.admin.shown import amount_cell, payment_link, staff_user
from payments.models import Refund
from payments.services import refunds
from soukloop.core.staff import format
from soukloop.core.staff.actions import reason_action
from soukloop.core.staff.money_lists import Column, MoneyListAdmin, Total


@admin.register(Refund)
class RefundAdmin(MoneyListAdmin):
    """Refunds; those that wait are approved or rejected, and failed ones tried again."""

    list_display = ("asked", "total", "state", "reason_shown", "payment_shown", "by", "second")
    list_select_related = ("payment", "requested_by", "approved_by")
    list_filter = ("state", "reason", "payment__provider", "created_at")
    search_fields = (
        *("=id", "=external_id", "=payment__id", "=payment__reference", "note"),
        *("payment__payer__username", "payment__payee__username"),
    )
    search_help_text = (
        "An id (also the provider's, the payment's or the order's), words of the note, or a username"
    )
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("approve", "reject", "retry")
    totals = (Total("Amount", "amount"), Total("Fee given back, with VAT", "fee"))
    columns = (
        *(Column("Refund", "id"), Column("Payment", "payment_id")),
        *(Column("Order or bill", "payment__reference"), Column("Requested", "created_at")),
        *(Column("Closed", "closed_at"), Column("State", "state"), Column("Reason", "reason")),
        *(Column("Note", "note"), Column("Requested by", "requested_by__username")),
        *(Column("Approved by", "approved_by__username"), Column("Provider's id", "external_id")),
        *(Column("Currency", "payment__currency"), Column("Amount", "amount", is_fils=True)),
        *(Column("Fee given back", "fee", is_fils=True), Column("Failure", "failure_code")),
    )
    fieldsets = (
        (None, {"fields": ("id", "payment_shown", "total", "fee_shown", "state", "failure_code")}),
        ("Why", {"fields": ("reason_shown", "note", "by", "second")}),
        ("Provider", {"fields": ("external_id", "asked_at")}),
        ("Times", {"fields": ("created_at", "closed_at")}),
    )
    readonly_fields = ("payment_shown", "total", "fee_shown", "reason_shown", "by", "second")

    @admin.display(description="requested", ordering="created_at")
    def asked(self, refund: Refund) -> str:
        return format.short_datetime(refund.created_at)

    @admin.display(description="amount", ordering="amount")
    def total(self, refund: Refund) -> SafeString:
        return amount_cell(format.fils(refund.amount, refund.payment.currency))

    @admin.display(description="fee given back")
    def fee_shown(self, refund: Refund) -> str:
        return format.fils(refund.fee, refund.payment.currency)

    @admin.display(description="reason", ordering="reason")
    def reason_shown(self, refund: Refund) -> str:
        return format.words(refund.reason)

    @admin.display(description="payment")
    def payment_shown(self, refund: Refund) -> SafeString | str:
        return payment_link(refund.payment)

    @admin.display(description="requested by")
    def by(self, refund: Refund) -> SafeString | str:
        return format.link_to(refund.requested_by, 16) if refund.requested_by else "automatic"

    @admin.display(description="approved by")
    def second(self, refund: Refund) -> SafeString | str:
        return format.link_to(refund.approved_by, 16)

    def is_offered(self, action: str, row: Refund) -> bool:
        if action == "retry":
            return row.state == Refund.State.FAILED and not Refund.objects.filter(retry_of=row).exists()
        return row.state == Refund.State.WAITING

    @reason_action(description="Approve", done="approved")
    def approve(self, request: HttpRequest, refund: Refund, reason: str) -> None:
        refunds.approve_refund(actor=staff_user(request), refund_id=refund.pk, reason=reason)

    @reason_action(description="Reject", done="rejected")
    def reject(self, request: HttpRequest, refund: Refund, reason: str) -> None:
        refunds.reject_refund(actor=staff_user(request), refund_id=refund.pk, reason=reason)

    @reason_action(description="Try again", done="tried again, as a new refund")
    def retry(self, request: HttpRequest, refund: Refund, reason: str) -> None:
        refunds.retry_refund(actor=staff_user(request), refund_id=refund.pk, reason=reason)
