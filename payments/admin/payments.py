"""The admin screens of payments and of chargebacks."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, QueryDict
from django.utils.safestring import SafeString

from payments.admin.shown import amount_cell, entries_table, payment_link, person, staff_user
from payments.models import Chargeback, Payment, Refund
from payments.selectors import refundable
from payments.services import refunds
from soukloop.core.money import from_fils
from soukloop.core.staff import format
from soukloop.core.staff.actions import KEPT_FOR_STAFF, form_action, reason_field
from soukloop.core.staff.admin import ReadOnlyStateAdmin
from soukloop.core.staff.money_lists import Column, MoneyListAdmin, Total

_PEOPLE = ("payer__username", "payer__email", "payee__username", "payee__email")


class RefundForm(forms.Form):
    """What finance enters to refund a payment."""

    amount = forms.DecimalField(
        max_digits=12,
        decimal_places=2,
        required=False,
        widget=forms.NumberInput(attrs={"step": "0.01", "min": "0.01"}),
    )
    reason = forms.ChoiceField(
        choices=[(each.value, format.words(each.value).capitalize()) for each in Refund.Reason]
    )
    note = reason_field(f"Why. {KEPT_FOR_STAFF}")
    expected_left = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None, payments: Sequence[Payment]) -> None:
        left = refundable(payments[0])
        super().__init__(data, initial={"expected_left": left})
        self.fields["amount"].help_text = f"Of {format.fils(left)} that are left. Empty for all of it."


@admin.register(Payment)
class PaymentAdmin(MoneyListAdmin):
    """Payments, each with its refunds, chargebacks, documents and lines of the ledger."""

    list_display = (
        "made",
        "total",
        "fee_shown",
        "state_shown",
        "payer_link",
        "payee_link",
        "paid_by",
    )
    list_select_related = ("payer", "payee")
    list_filter = ("state", "kind", "provider", "created_at", "captured_at", "released_at")
    link_lookups = ("payer__id__exact", "payee__id__exact")
    search_fields = ("=id", "=reference", "=external_id", "description", *_PEOPLE)
    search_help_text = (
        "An id (also of the order or bill, or the provider's), the description, a username or an email"
    )
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("refund",)
    totals = (
        Total("Amount", "amount"),
        Total("Fee", "fee"),
        Total("VAT in the fee", "vat"),
        Total("Refunded", "refunded"),
    )
    columns = (
        *(Column("Payment", "id"), Column("Kind", "kind"), Column("Order or bill", "reference")),
        *(Column("Created", "created_at"), Column("Captured", "captured_at")),
        *(Column("Released", "released_at"), Column("State", "state"), Column("Provider", "provider")),
        *(Column("Provider's id", "external_id"), Column("Payer", "payer__username")),
        *(Column("Payee", "payee__username"), Column("Currency", "currency")),
        *(Column("Amount", "amount", is_fils=True), Column("Fee", "fee", is_fils=True)),
        *(Column("VAT in the fee", "vat", is_fils=True), Column("Refunded", "refunded", is_fils=True)),
        *(Column("Description", "description"), Column("Failure", "failure_code")),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    "paid_for",
                    "description",
                    "payer_link",
                    "payee_link",
                    "state_shown",
                    "failure_code",
                )
            },
        ),
        (
            "Money",
            {"fields": ("total", "fee_shown", "vat_shown", "share_shown", "gone_back", "left_shown")},
        ),
        ("Provider", {"fields": ("provider", "external_id", "account_link", "on_our_account")}),
        (
            "What became of it",
            {"fields": ("refunds_table", "chargebacks_table", "documents_list", "cases_list")},
        ),
        ("Ledger", {"fields": ("entries",)}),
        (
            "Times",
            {
                "fields": (
                    *("created_at", "authorised_at", "captured_at", "released_at", "closed_at"),
                    *("capture_asked_at", "cancel_asked_at", "asked_at"),
                )
            },
        ),
    )
    readonly_fields = (
        *("payer_link", "payee_link", "state_shown", "total", "fee_shown", "vat_shown", "share_shown"),
        *(
            "gone_back",
            "left_shown",
            "account_link",
            "on_our_account",
            "paid_for",
            "refunds_table",
            "chargebacks_table",
        ),
        *("documents_list", "cases_list", "entries"),
    )

    @admin.display(description="created", ordering="created_at")
    def made(self, payment: Payment) -> str:
        return format.short_datetime(payment.created_at)

    @admin.display(description="amount", ordering="amount")
    def total(self, payment: Payment) -> SafeString:
        return amount_cell(format.fils(payment.amount, payment.currency))

    @admin.display(description="fee", ordering="fee")
    def fee_shown(self, payment: Payment) -> SafeString:
        return amount_cell(format.fils(payment.fee, payment.currency))

    @admin.display(description="VAT in the fee")
    def vat_shown(self, payment: Payment) -> str:
        return format.fils(payment.vat, payment.currency)

    @admin.display(description="seller's share")
    def share_shown(self, payment: Payment) -> str:
        return format.fils(payment.amount - payment.fee, payment.currency)

    @admin.display(description="refunded or charged back")
    def gone_back(self, payment: Payment) -> str:
        return format.fils(payment.refunded, payment.currency)

    @admin.display(description="can still be refunded")
    def left_shown(self, payment: Payment) -> str:
        if payment.state != Payment.State.CAPTURED:
            return format.NOTHING
        return format.fils(refundable(payment), payment.currency)

    @admin.display(description="state", ordering="state")
    def state_shown(self, payment: Payment) -> str:
        return format.words(payment.state)

    @admin.display(description="by", ordering="provider")
    def paid_by(self, payment: Payment) -> str:
        return format.words(payment.provider)

    @admin.display(description="paid for")
    def paid_for(self, payment: Payment) -> SafeString | str:
        if payment.kind == Payment.Kind.SALE:
            return format.link_to_list("orders.order", "order", q=payment.reference)
        return format.link_to_list("payments.feebill", "bill of fees", q=payment.reference)

    @admin.display(description="payer", ordering="payer__username")
    def payer_link(self, payment: Payment) -> SafeString | str:
        return person(payment.payer)

    @admin.display(description="payee", ordering="payee__username")
    def payee_link(self, payment: Payment) -> SafeString | str:
        return person(payment.payee) if payment.payee else "us"

    @admin.display(description="account")
    def account_link(self, payment: Payment) -> SafeString | str:
        return format.link_to(payment.account)

    @admin.display(description="charged on our account")
    def on_our_account(self, payment: Payment) -> str:
        return format.yes_or_dash(payment.is_separate)

    @admin.display(description="refunds")
    def refunds_table(self, payment: Payment) -> SafeString | str:
        rows = payment.refunds.select_related("requested_by", "approved_by").order_by("created_at")
        return format.table(
            ("Requested", "Amount", "State", "Reason", "By", "Approved by"),
            [
                (
                    format.full_datetime(refund.created_at),
                    format.link_to(refund, text=format.fils(refund.amount)),
                    format.words(refund.state),
                    format.words(refund.reason),
                    refund.requested_by or "automatic",
                    refund.approved_by or format.NOTHING,
                )
                for refund in rows
            ],
        )

    @admin.display(description="chargebacks")
    def chargebacks_table(self, payment: Payment) -> SafeString | str:
        return format.table(
            ("Opened", "Amount", "State", "Reason"),
            [
                (
                    format.full_datetime(each.created_at),
                    format.link_to(each, text=format.fils(each.amount)),
                    format.words(each.state),
                    format.words(each.reason),
                )
                for each in payment.chargebacks.order_by("created_at")
            ],
        )

    @admin.display(description="documents")
    def documents_list(self, payment: Payment) -> SafeString | str:
        documents = payment.documents.select_related("series").order_by("issued_at")
        return format.join_dots(*map(format.link_to, documents)) or format.NOTHING

    @admin.display(description="cases")
    def cases_list(self, payment: Payment) -> SafeString | str:
        cases = payment.cases.order_by("created_at")
        return (
            format.join_dots(*(format.link_to(case, text=format.words(case.kind)) for case in cases))
            or format.NOTHING
        )

    @admin.display(description="entries")
    def entries(self, payment: Payment) -> SafeString | str:
        return entries_table(payment.entries.prefetch_related("lines__person").order_by("id"))

    def is_offered(self, action: str, row: Payment) -> bool:
        return row.state == Payment.State.CAPTURED and refundable(row) > 0

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payments.change_refund")

    @form_action(description="Refund", done="about to be refunded", make_form=RefundForm, is_for_one_row=True)
    def refund(self, request: HttpRequest, payment: Payment, cleaned: Mapping[str, Any]) -> str:
        refund = refunds.request_refund_by_staff(
            actor=staff_user(request),
            payment_id=payment.pk,
            amount=cleaned["amount"],
            reason=Refund.Reason(cleaned["reason"]),
            note=cleaned["note"],
            expected_left=cleaned["expected_left"],
        )
        amount = format.money(payment.currency, from_fils(refund.amount))
        if refund.state == Refund.State.WAITING:
            return f"The refund of {amount} waits until somebody else of finance approves it."
        return f"{amount} are refunded."


@admin.register(Chargeback)
class ChargebackAdmin(ReadOnlyStateAdmin):
    """Payments that the payer's bank takes back; the answer is given at the provider."""

    list_display = ("opened", "total", "state", "reason", "payment_shown", "answer_by")
    list_select_related = ("payment",)
    list_filter = ("state", "created_at")
    search_fields = (
        "=id",
        "=external_id",
        "=payment__id",
        "payment__payer__username",
        "payment__payee__username",
    )
    search_help_text = "An id (also the provider's, or the payment's), or a username"
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("id", "payment_shown", "total", "state", "reason", "external_id")}),
        ("Times", {"fields": ("created_at", "respond_by", "asked_at", "closed_at")}),
    )
    readonly_fields = ("payment_shown", "total")

    @admin.display(description="opened", ordering="created_at")
    def opened(self, chargeback: Chargeback) -> str:
        return format.short_datetime(chargeback.created_at)

    @admin.display(description="amount", ordering="amount")
    def total(self, chargeback: Chargeback) -> SafeString:
        return amount_cell(format.fils(chargeback.amount))

    @admin.display(description="answer by", ordering="respond_by")
    def answer_by(self, chargeback: Chargeback) -> str:
        return format.short_datetime(chargeback.respond_by)

    @admin.display(description="payment")
    def payment_shown(self, chargeback: Chargeback) -> SafeString | str:
        return payment_link(chargeback.payment)
