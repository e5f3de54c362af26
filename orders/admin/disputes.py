"""The admin screen of disputes, which moderators and finance decide."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet, Value
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.models import User
from orders.admin.orders import conversation_of
from orders.hooks import stream_evidence_of
from orders.models import Dispute
from orders.selectors import evidence_of
from orders.services import disputes
from payments.models import Refund
from payments.selectors import refundable, standing_payment
from soukloop.core.money import from_fils
from soukloop.core.staff import format
from soukloop.core.staff.actions import form_action, reason_field
from soukloop.core.staff.admin import ReadOnlyStateAdmin


class DecisionForm(forms.Form):
    """What staff decide about a dispute."""

    decision = forms.ChoiceField(
        choices=[
            ("", "–"),
            *((each.value, format.words(each.value).capitalize()) for each in Dispute.Decision),
        ]
    )
    refund_amount = forms.DecimalField(
        label="Amount",
        max_digits=9,
        decimal_places=2,
        required=False,
        widget=forms.NumberInput(attrs={"step": "0.01", "min": "0.01"}),
    )
    explanation = reason_field("Both sides read it.", max_length=1000)

    def __init__(self, data: QueryDict | None, rows: Sequence[Dispute]) -> None:
        super().__init__(data)
        payment = standing_payment(rows[0].order_id)
        left = format.fils(refundable(payment)) if payment else format.NOTHING
        self.fields["refund_amount"].help_text = f"Of a partial refund. {left} are left of the payment."


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyStateAdmin):
    """Disputes with both sides' words and pictures, their conversation and the stream's videos."""

    list_display = ("opened", "product_title", "price", "reason_shown", "state", "buyer_link", "seller_link")
    list_select_related = (
        *("order__product", "order__transaction__offer__conversation", "order__buyer", "order__seller"),
        "opened_by",
    )
    list_filter = ("state", "reason", "decision", "created_at")
    search_fields = (
        *("=id", "=order__id", "order__product__title", "order__buyer__username", "order__seller__username"),
    )
    search_help_text = "An id (also of the order), words of the product's title, a username"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("decide",)
    fieldsets = (
        (
            None,
            {"fields": ("id", "order_link", "price", "reason_shown", "state", "buyer_link", "seller_link")},
        ),
        ("What both sides say", {"fields": ("evidence_table", "conversation_link", "videos")}),
        ("Decision", {"fields": ("decision_shown", "amount", "explanation", "decided_by", "refund_state")}),
        ("Times", {"fields": ("created_at", "closed_at")}),
    )
    readonly_fields = (
        *("order_link", "price", "reason_shown", "buyer_link", "seller_link", "evidence_table"),
        *("conversation_link", "videos", "decision_shown", "amount", "refund_state"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dispute]:
        """Add who reads the page: the address of a followers-only video names them."""
        rows: QuerySet[Dispute] = super().get_queryset(request)
        return rows.annotate(reader_id=Value(request.user.pk))

    @admin.display(description="opened", ordering="created_at")
    def opened(self, dispute: Dispute) -> str:
        return format.short_datetime(dispute.created_at)

    @admin.display(description="product", ordering="order__product__title")
    def product_title(self, dispute: Dispute) -> str:
        return format.truncate(dispute.order.product.title, 28)

    @admin.display(description="price", ordering="order__transaction__price")
    def price(self, dispute: Dispute) -> str:
        sale = dispute.order.transaction
        return format.money(sale.currency, sale.price)

    @admin.display(description="reason", ordering="reason")
    def reason_shown(self, dispute: Dispute) -> str:
        return format.words(dispute.reason)

    @admin.display(description="buyer", ordering="order__buyer__username")
    def buyer_link(self, dispute: Dispute) -> SafeString | str:
        return format.link_to(dispute.order.buyer, 16)

    @admin.display(description="seller", ordering="order__seller__username")
    def seller_link(self, dispute: Dispute) -> SafeString | str:
        return format.link_to(dispute.order.seller, 16)

    @admin.display(description="order")
    def order_link(self, dispute: Dispute) -> SafeString | str:
        return format.link_to(dispute.order, 60)

    @admin.display(description="conversation")
    def conversation_link(self, dispute: Dispute) -> SafeString | str:
        return conversation_of(dispute.order)

    @admin.display(description="evidence")
    def evidence_table(self, dispute: Dispute) -> SafeString | str:
        sides = {dispute.order.buyer_id: "Buyer", dispute.order.seller_id: "Seller"}
        return (
            format_html_join(
                "",
                '<div class="evidence"><p><strong>{}</strong> {}</p><p class="words">{}</p>{}</div>',
                (
                    (
                        sides.get(piece.author_id, "Staff"),
                        format.full_datetime(piece.created_at),
                        piece.text,
                        format_html_join(" ", "{}", ((format.media(url),) for url in piece.image_urls)),
                    )
                    for piece in evidence_of(dispute)
                ),
            )
            or format.NOTHING
        )

    @admin.display(description="videos of the stream")
    def videos(self, dispute: Any) -> SafeString | str:
        links = [
            format_html('<a href="{}">{}</a>', video["mp4_url"], video["title"])
            for video in stream_evidence_of(dispute.order, dispute.reader_id)
        ]
        return format.join_dots(*links) or format.NOTHING

    @admin.display(description="decision")
    def decision_shown(self, dispute: Dispute) -> str:
        return format.words(dispute.decision)

    @admin.display(description="refund")
    def amount(self, dispute: Dispute) -> str:
        if dispute.refund_amount is None:
            return format.NOTHING
        return format.money(dispute.order.transaction.currency, dispute.refund_amount)

    @admin.display(description="state of the refund")
    def refund_state(self, dispute: Dispute) -> str:
        refund = _refund_of(dispute)
        return format.NOTHING if refund is None else format.words(refund.state)

    def is_offered(self, action: str, row: Dispute) -> bool:
        return row.state == Dispute.State.OPEN

    @form_action(description="Decide", done="decided", make_form=DecisionForm, is_for_one_row=True)
    def decide(self, request: HttpRequest, dispute: Dispute, cleaned: Mapping[str, Any]) -> str | None:
        assert isinstance(request.user, User)
        disputes.decide_dispute(
            actor=request.user,
            dispute_id=dispute.pk,
            decision=cleaned["decision"],
            refund_amount=cleaned["refund_amount"],
            explanation=cleaned["explanation"],
        )
        refund = _refund_of(dispute)
        if refund is not None and refund.state == Refund.State.WAITING:
            amount = format.money(dispute.order.transaction.currency, from_fils(refund.amount))
            return f"It is decided. The refund of {amount} waits until somebody of finance approves it."
        return None


def _refund_of(dispute: Dispute) -> Refund | None:
    """Return the refund that the decision about a dispute asked for."""
    refunds = Refund.objects.filter(payment__reference=dispute.order_id, reason=Refund.Reason.DISPUTE)
    return refunds.filter(note=f"dispute {dispute.pk}").order_by("-created_at").first()
