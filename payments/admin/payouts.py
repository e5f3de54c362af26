"""The admin screens of payouts, transfers and sellers' accounts."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from payments.admin.shown import amount_cell, entries_table, payment_link, person, staff_user
from payments.models import EntryLine, Payout, SellerAccount, Transfer
from payments.services import ledger, payouts, transfers
from soukloop.core.staff import format
from soukloop.core.staff.actions import reason_action
from soukloop.core.staff.admin import ReadOnlyStateAdmin
from soukloop.core.staff.money_lists import Column, MoneyListAdmin, Total

_Account = EntryLine.Account


@admin.register(Payout)
class PayoutAdmin(MoneyListAdmin):
    """Payouts to sellers' banks; after a failed one, what is available can be sent again."""

    list_display = ("asked", "total", "state_shown", "seller_link", "arrives_on", "failure_code")
    list_select_related = ("seller",)
    list_filter = ("state", "account__provider", "created_at")
    link_lookups = ("seller__id__exact",)
    search_fields = ("=id", "=external_id", "=account__external_id", "seller__username", "seller__email")
    search_help_text = "An id (also the provider's), a username or an email"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("retry",)
    totals = (Total("Amount", "amount"),)
    columns = (
        *(Column("Payout", "id"), Column("Requested", "created_at"), Column("Closed", "closed_at")),
        *(Column("Arrives", "arrives_on"), Column("State", "state")),
        *(Column("Seller", "seller__username"), Column("Provider", "account__provider")),
        *(Column("Provider's id", "external_id"), Column("Currency", "currency")),
        *(Column("Amount", "amount", is_fils=True), Column("Failure", "failure_code")),
    )
    fieldsets = (
        (None, {"fields": ("id", "seller_link", "total", "state_shown", "failure_code", "arrives_on")}),
        ("Provider", {"fields": ("account_link", "external_id", "asked_at")}),
        ("Ledger", {"fields": ("entries",)}),
        ("Times", {"fields": ("created_at", "closed_at")}),
    )
    readonly_fields = ("seller_link", "total", "state_shown", "account_link", "entries")

    @admin.display(description="requested", ordering="created_at")
    def asked(self, payout: Payout) -> str:
        return format.short_datetime(payout.created_at)

    @admin.display(description="amount", ordering="amount")
    def total(self, payout: Payout) -> SafeString:
        return amount_cell(format.fils(payout.amount, payout.currency))

    @admin.display(description="state", ordering="state")
    def state_shown(self, payout: Payout) -> str:
        return format.words(payout.state)

    @admin.display(description="seller", ordering="seller__username")
    def seller_link(self, payout: Payout) -> SafeString | str:
        return person(payout.seller)

    @admin.display(description="account")
    def account_link(self, payout: Payout) -> SafeString | str:
        return format.link_to(payout.account)

    @admin.display(description="entries")
    def entries(self, payout: Payout) -> SafeString | str:
        return entries_table(payout.entries.prefetch_related("lines__person").order_by("id"))

    def is_offered(self, action: str, row: Payout) -> bool:
        return row.state == Payout.State.FAILED

    @reason_action(description="Send again", done="about to be sent again")
    def retry(self, request: HttpRequest, payout: Payout, reason: str) -> None:
        payouts.retry_payout(actor=staff_user(request), payout_id=payout.pk, reason=reason)


@admin.register(Transfer)
class TransferAdmin(ReadOnlyStateAdmin):
    """Transfers of sellers' shares, where payments are charged on our account."""

    list_display = ("asked", "total", "state", "payment_shown", "attempt", "failure_code")
    list_select_related = ("payment",)
    list_filter = ("state", "created_at")
    search_fields = ("=id", "=external_id", "=payment__id", "payment__payee__username")
    search_help_text = "An id (also the provider's, or the payment's), or the seller's username"
    ordering = ("-created_at",)
    actions = ("retry",)
    fieldsets = (
        (None, {"fields": ("id", "payment_shown", "total", "state", "failure_code", "attempt")}),
        ("Provider", {"fields": ("external_id", "asked_at")}),
        ("Times", {"fields": ("created_at", "closed_at")}),
    )
    readonly_fields = ("payment_shown", "total")

    @admin.display(description="requested", ordering="created_at")
    def asked(self, transfer: Transfer) -> str:
        return format.short_datetime(transfer.created_at)

    @admin.display(description="amount", ordering="amount")
    def total(self, transfer: Transfer) -> SafeString:
        return amount_cell(format.fils(transfer.amount))

    @admin.display(description="payment")
    def payment_shown(self, transfer: Transfer) -> SafeString | str:
        return payment_link(transfer.payment)

    def is_offered(self, action: str, row: Transfer) -> bool:
        return row.state == Transfer.State.FAILED

    @reason_action(description="Try again", done="tried again")
    def retry(self, request: HttpRequest, transfer: Transfer, reason: str) -> None:
        transfers.retry_transfer(actor=staff_user(request), transfer_id=transfer.pk, reason=reason)


@admin.register(SellerAccount)
class SellerAccountAdmin(ReadOnlyStateAdmin):
    """Sellers' accounts at card providers, with what the ledger has for their sellers."""

    list_display = (
        "seller_link",
        "provider",
        "external_id",
        "charges",
        "payouts",
        "asked_of_seller",
        "checked",
    )
    list_select_related = ("seller",)
    list_filter = ("provider", "charges_enabled", "payouts_enabled", "created_at")
    link_lookups = ("seller__id__exact",)
    search_fields = ("=id", "=external_id", "seller__username", "seller__email")
    search_help_text = "An id (also the provider's), a username or an email"
    ordering = ("-created_at",)
    fieldsets = (
        (None, {"fields": ("id", "seller_link", "provider", "external_id")}),
        ("State", {"fields": ("charges", "payouts", "asked_of_seller", "disabled_reason")}),
        ("What the ledger has", {"fields": ("pending", "available", "on_its_way", "debt")}),
        ("See also", {"fields": ("related_lists",)}),
        ("Times", {"fields": ("created_at", "checked_at")}),
    )
    readonly_fields = (
        *("seller_link", "charges", "payouts", "asked_of_seller", "pending", "available", "on_its_way"),
        *("debt", "related_lists"),
    )

    @admin.display(description="seller", ordering="seller__username")
    def seller_link(self, account: SellerAccount) -> SafeString | str:
        return person(account.seller)

    @admin.display(description="paid by card", ordering="charges_enabled")
    def charges(self, account: SellerAccount) -> str:
        return format.yes_or_dash(account.charges_enabled)

    @admin.display(description="payouts", ordering="payouts_enabled")
    def payouts(self, account: SellerAccount) -> str:
        return format.yes_or_dash(account.payouts_enabled)

    @admin.display(description="asked of the seller")
    def asked_of_seller(self, account: SellerAccount) -> str:
        return format.truncate(", ".join(map(str, account.requirements)), 60) or format.NOTHING

    @admin.display(description="checked", ordering="checked_at")
    def checked(self, account: SellerAccount) -> str:
        return format.short_datetime(account.checked_at)

    @admin.display(description="pending")
    def pending(self, account: SellerAccount) -> str:
        return format.fils(-ledger.balance(_Account.SELLER_PENDING, account.seller_id))

    @admin.display(description="available")
    def available(self, account: SellerAccount) -> str:
        return format.fils(-ledger.balance(_Account.SELLER_AVAILABLE, account.seller_id))

    @admin.display(description="on its way")
    def on_its_way(self, account: SellerAccount) -> str:
        return format.fils(-ledger.balance(_Account.SELLER_ON_ITS_WAY, account.seller_id))

    @admin.display(description="fees owed to us")
    def debt(self, account: SellerAccount) -> str:
        return format.fils(ledger.balance(_Account.FEE_DEBT, account.seller_id))

    @admin.display(description="lists")
    def related_lists(self, account: SellerAccount) -> SafeString:
        return format.join_dots(
            format.link_to_list("payments.payment", "Payments", payee__id__exact=account.seller_id),
            format.link_to_list("payments.payout", "Payouts", seller__id__exact=account.seller_id),
            format.link_to_list("payments.feebill", "Bills of fees", seller__id__exact=account.seller_id),
        )
