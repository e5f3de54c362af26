"""The admin screen of reviews, which moderators hide."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.models import User
from orders.models import Review
from orders.services import reviews
from soukloop.core.staff import format
from soukloop.core.staff.actions import reason_action
from soukloop.core.staff.admin import ReadOnlyStateAdmin


@admin.register(Review)
class ReviewAdmin(ReadOnlyStateAdmin):
    """What the two sides of completed orders wrote about one another."""

    list_display = ("written", "stars", "short_text", "author_link", "subject_link", "state")
    list_select_related = ("author", "subject", "order__product")
    list_filter = (
        "rating",
        ("hidden_at", admin.EmptyFieldListFilter),
        ("published_at", admin.EmptyFieldListFilter),
        "created_at",
    )
    search_fields = ("=id", "=order__id", "text", "author__username", "subject__username")
    search_help_text = "An id (also of the order), words of the text, a username"
    ordering = ("-created_at",)
    actions = ("hide", "show_again")
    fieldsets = (
        (None, {"fields": ("id", "order_link", "stars", "text", "author_link", "subject_link", "state")}),
        ("Times", {"fields": ("created_at", "publishes_at", "published_at", "hidden_at")}),
    )
    readonly_fields = ("order_link", "stars", "author_link", "subject_link", "state")

    @admin.display(description="written", ordering="created_at")
    def written(self, review: Review) -> str:
        return format.short_datetime(review.created_at)

    @admin.display(description="rating", ordering="rating")
    def stars(self, review: Review) -> str:
        return f"{review.rating} of 5"

    @admin.display(description="text")
    def short_text(self, review: Review) -> str:
        return format.truncate(review.text, 60) or format.NOTHING

    @admin.display(description="by", ordering="author__username")
    def author_link(self, review: Review) -> SafeString | str:
        return format.link_to(review.author, 16)

    @admin.display(description="about", ordering="subject__username")
    def subject_link(self, review: Review) -> SafeString | str:
        return format.link_to(review.subject, 16)

    @admin.display(description="order")
    def order_link(self, review: Review) -> SafeString | str:
        return format.link_to(review.order, 60)

    @admin.display(description="state")
    def state(self, review: Review) -> str:
        if review.hidden_at is not None:
            return "hidden"
        return "waits for the other side" if review.published_at is None else "shown"

    def is_offered(self, action: str, row: Review) -> bool:
        return (row.hidden_at is None) == (action == "hide")

    @reason_action(description="Hide", done="hidden")
    def hide(self, request: HttpRequest, review: Review, reason: str) -> None:
        reviews.hide_review(actor=_staff_user(request), review_id=review.pk, reason=reason)

    @reason_action(description="Show again", done="shown again")
    def show_again(self, request: HttpRequest, review: Review, reason: str) -> None:
        reviews.restore_review(actor=_staff_user(request), review_id=review.pk, reason=reason)


def _staff_user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
