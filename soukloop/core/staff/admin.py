"""The admin site and the base of its screens: rows are read-only, actions call services."""

import functools
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.views.defaults import bad_request

from soukloop.core.errors import RateLimited
from soukloop.core.hooks import Hook
from soukloop.core.staff.lookups import DeclaredLookups, refuse_null_characters

logger = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


password_changed: Hook[[Any], None] = Hook()
"""`callback(user)`: a person has changed the password in the admin. Called in the change's transaction."""


@dataclass(frozen=True)
class Notice:
    """A line on the start page that leads to a screen."""

    text: str
    url: str
    is_urgent: bool


start_page_notices: Hook[[HttpRequest], Notice | None] = Hook()
"""`callback(request)`: what the start page says to this person, or None."""


class StaffLoginForm(AdminAuthenticationForm):
    """The login form of the admin; it says when a limit is reached, and for how long."""

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except RateLimited as error:
            raise ValidationError(error.message, code=error.code) from error


class StaffSite(admin.AdminSite):
    """The admin site; it shows times in STAFF_TIME_ZONE, and each of its screens has DeclaredLookups."""

    site_header = "Souk Loop"
    site_title = "Souk Loop"
    index_title = "Staff"
    login_form = StaffLoginForm

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        screen = admin_class or admin.ModelAdmin
        if not issubclass(screen, DeclaredLookups):  # one of a library
            screen = type(screen.__name__, (DeclaredLookups, screen), {"__module__": screen.__module__})
        super().register(model_or_iterable, screen, **options)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the start page, with the notices that are for this person."""
        notices = [notice for notice in start_page_notices(request) if notice is not None]
        return super().index(request, {"notices": notices, **(extra_context or {})})

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Change one's own password; this session goes on, and the hook ends the person's other logins."""
        with transaction.atomic():
            response = super().password_change(request, extra_context)
            if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
                user: Any = request.user
                password_changed(user)
                update_session_auth_hash(request, user)
        return response

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Answer 404: Django's view searches the rows behind any foreign key, and no screen uses it."""
        raise Http404

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        guarded = super().admin_view(view, cacheable)

        @functools.wraps(guarded)
        def in_staff_time(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with timezone.override(ZoneInfo(settings.STAFF_TIME_ZONE)):
                try:
                    refuse_null_characters(request)
                    response = guarded(request, *args, **kwargs)
                    # Django would render it after this function returns, in another time zone.
                    if isinstance(response, SimpleTemplateResponse):
                        response.render()
                except SuspiciousOperation as error:
                    logger.warning("admin request of user %s refused: %r", request.user.pk, str(error))
                    return bad_request(request, error)
                return response

        return cast(View, in_staff_time)


class ReadOnlyStateAdmin(DeclaredLookups):
    """A screen on which rows are never edited, added or deleted by hand.

    Actions made with `reason_action` are offered for selected rows of the list and for a single row on its
    own page. They need the model's "change" permission; viewing needs "view".
    """

    change_form_template = "admin/state_change_form.html"
    change_list_template = "admin/state_change_list.html"
    list_per_page = 50
    show_full_result_count = False  # counting a big table costs more than showing a page of it

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        opts = self.model._meta
        return request.user.has_perm(f"{opts.app_label}.change_{opts.model_name}")

    def is_offered(self, action: str, row: Any) -> bool:
        """Return whether an action applies to this row; its page offers only those that do."""
        return True

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
        return super().changelist_view(request, context)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any
    ) -> HttpResponse | None:
        try:
            return super().response_action(request, queryset, *args)
        except ValidationError:  # a malformed id, which Django does not check
            self.message_user(request, "Row not found.", messages.ERROR)
            return None

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        row_actions = [
            {"name": action[1], "label": action[2]}
            for action in self.get_actions(request).values()
            if action and getattr(action[0], "asks_reason", False) and row and self.is_offered(action[1], row)
        ]
        context = {"row_actions": row_actions, "action_checkbox_name": ACTION_CHECKBOX_NAME}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
