"""The admin screen of users: search, bans, badges, staff."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.identifiers import normalize_phone
from accounts.models import User
from accounts.services import deletion, moderation
from accounts.services.logins import PASSWORD_CHANGED, end_all_logins
from soukloop.core.staff import format
from soukloop.core.staff.actions import reason_action
from soukloop.core.staff.admin import ReadOnlyStateAdmin, password_changed

_FOR_SUPERUSERS = (
    *("make_staff", "remove_staff", "add_to_finance", "remove_from_finance"),
    "delete_account",
)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state.capitalize()) for state in ("active", "banned", "deleted")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        match self.value():
            case "active":
                return queryset.filter(is_active=True)
            case "banned":
                return queryset.filter(banned_at__isnull=False, deleted_at=None)
            case "deleted":
                return queryset.filter(deleted_at__isnull=False)
        return queryset


@admin.register(User)
class UserAdmin(ReadOnlyStateAdmin):
    list_display = ("short_username", "state", "contact", "role", "verified", "badge", "joined")
    list_filter = (
        StateFilter,
        "role",
        ("is_verified", admin.BooleanFieldListFilter),
        "has_verified_badge",
        "is_staff",
        "created_at",
    )
    search_fields = ("email", "username", "phone", "full_name")
    search_help_text = "Email, username, phone in any spelling, or name"
    ordering = ("-created_at",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    "username",
                    "email",
                    "email_confirmed_at",
                    "phone",
                    "phone_confirmed_at",
                    "full_name",
                    "role",
                    "bio",
                    "neighborhood",
                    "related_lists",
                )
            },
        ),
        ("State", {"fields": ("state", "verified", "has_verified_badge", "banned_at", "ban_reason")}),
        ("Times", {"fields": ("created_at", "updated_at", "last_login_at", "deleted_at")}),
        ("Staff", {"fields": ("is_staff", "is_superuser", "groups")}),
    )
    readonly_fields = ("state", "verified", "related_lists")
    actions = (
        "ban",
        "unban",
        "give_badge",
        "remove_badge",
        "make_staff",
        "remove_staff",
        "add_to_finance",
        "remove_from_finance",
        "delete_account",
    )

    @admin.display(description="username", ordering="username")
    def short_username(self, user: User) -> str:
        return format.truncate(user.username, 20)

    @admin.display(description="contact", ordering="email")
    def contact(self, user: User) -> SafeString:
        lines = [format.truncate(line, 32) for line in (user.email, user.phone) if line]
        return format_html_join(SafeString("<br>"), "{}", ((line,) for line in lines or [format.NOTHING]))

    @admin.display(description="verified", ordering="is_verified")
    def verified(self, user: User) -> str:
        return format.yes_or_dash(user.is_verified)

    @admin.display(description="badge", ordering="has_verified_badge")
    def badge(self, user: User) -> str:
        return format.yes_or_dash(user.has_verified_badge)

    @admin.display(description="joined", ordering="created_at")
    def joined(self, user: User) -> str:
        return format.short_date(user.created_at)

    @admin.display(description="see also")
    def related_lists(self, user: User) -> SafeString:
        return format.join_dots(
            format.link_to_list("listings.product", "Products", seller__id__exact=user.pk),
            format.link_to_list("livestream.stream", "Streams", seller__id__exact=user.pk),
            format.link_to_list("offers.offer", "Offers made", made_by__id__exact=user.pk),
            format.link_to_list("offers.transaction", "Purchases", buyer__id__exact=user.pk),
            format.link_to_list("offers.transaction", "Sales", seller__id__exact=user.pk),
            format.link_to_list("orders.order", "Orders", buyer__id__exact=user.pk),
            format.link_to_list("orders.order", "Orders received", seller__id__exact=user.pk),
            format.link_to_list("payments.payment", "Payments made", payer__id__exact=user.pk),
            format.link_to_list("payments.payment", "Payments received", payee__id__exact=user.pk),
            format.link_to_list("chat.conversation", "Conversations", q=user.username),
            format.link_to_list("chat.message", "Messages", q=f"@{user.username}"),
            format.link_to_list("notifications.notification", "Notifications", q=user.pk),
        )

    @admin.display(description="state", ordering="is_active")
    def state(self, user: User) -> str:
        if user.deleted_at is not None:
            return "deleted"
        return "banned" if user.banned_at is not None else "active"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        phone = normalize_phone(search_term)
        return super().get_search_results(request, queryset, phone or search_term)

    def is_offered(self, action: str, row: User) -> bool:
        if row.deleted_at is not None:
            return False
        match action:
            case "ban":
                return row.is_active
            case "unban":
                return not row.is_active
            case "give_badge":
                return not row.has_verified_badge
            case "remove_badge":
                return row.has_verified_badge
            case "make_staff":
                return row.is_active and not row.is_staff
            case "remove_staff":
                return row.is_staff
            case "add_to_finance":
                return row.is_active and not row.groups.filter(name=moderation.FINANCE).exists()
            case "remove_from_finance":
                return row.groups.filter(name=moderation.FINANCE).exists()
        return True

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if not request.user.is_superuser:
            for name in _FOR_SUPERUSERS:
                actions.pop(name, None)
        return actions

    @reason_action(description="Ban", done="banned")
    def ban(self, request: HttpRequest, user: User, reason: str) -> None:
        moderation.ban_user(actor=_staff_user(request), user_id=user.pk, reason=reason)

    @reason_action(description="Unban", done="unbanned")
    def unban(self, request: HttpRequest, user: User, reason: str) -> None:
        moderation.unban_user(actor=_staff_user(request), user_id=user.pk, reason=reason)

    @reason_action(description="Give verified badge", done="verified")
    def give_badge(self, request: HttpRequest, user: User, reason: str) -> None:
        moderation.set_verified_badge(
            actor=_staff_user(request), user_id=user.pk, is_given=True, reason=reason
        )

    @reason_action(description="Remove verified badge", done="no longer verified")
    def remove_badge(self, request: HttpRequest, user: User, reason: str) -> None:
        moderation.set_verified_badge(
            actor=_staff_user(request), user_id=user.pk, is_given=False, reason=reason
        )

    @reason_action(description="Make staff", done="staff")
    def make_staff(self, request: HttpRequest, user: User, reason: str) -> None:
        moderation.set_staff(actor=_staff_user(request), user_id=user.pk, is_staff=True, reason=reason)

    @reason_action(description="Remove from staff", done="no longer staff")
    def remove_staff(self, request: HttpRequest, user: User, reason: str) -> None:
        moderation.set_staff(actor=_staff_user(request), user_id=user.pk, is_staff=False, reason=reason)

    @reason_action(description="Add to finance", done="one of finance")
    def add_to_finance(self, request: HttpRequest, user: User, reason: str) -> None:
        moderation.set_finance(actor=_staff_user(request), user_id=user.pk, is_finance=True, reason=reason)

    @reason_action(description="Remove from finance", done="no longer one of finance")
    def remove_from_finance(self, request: HttpRequest, user: User, reason: str) -> None:
        moderation.set_finance(actor=_staff_user(request), user_id=user.pk, is_finance=False, reason=reason)

    @reason_action(description="Delete account", done="deleted")
    def delete_account(self, request: HttpRequest, user: User, reason: str) -> None:
        deletion.delete_account_for_owner(actor=_staff_user(request), user_id=user.pk, reason=reason)


@password_changed.register
def end_logins_after_password_change(user: User) -> None:
    end_all_logins(user, PASSWORD_CHANGED)


def _staff_user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
