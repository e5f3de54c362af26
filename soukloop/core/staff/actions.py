"""Admin actions that ask for a reason, or more, on a page of their own, and call a service for each row."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from rest_framework import serializers

from soukloop.core.errors import DomainError
from soukloop.core.http.fields import PlainTextField

Moderate = Callable[[Any, HttpRequest, Any, str], None]
MakeForm = Callable[[QueryDict | None, Sequence[Any]], forms.Form]
Act = Callable[[Any, HttpRequest, Any, Mapping[str, Any]], str | None]
KEPT_FOR_STAFF = "Kept in the history, for other staff."


class PlainTextFormField(forms.CharField):
    """A form field with the rules of `PlainTextField`, because some reasons are shown to sellers."""

    def __init__(self, *, has_lines: bool = False, **kwargs: Any) -> None:
        self.has_lines = has_lines
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        try:
            text: str = PlainTextField(has_lines=self.has_lines, allow_blank=True).run_validation(value or "")
        except serializers.ValidationError as error:
            raise ValidationError([str(message) for message in error.detail]) from error
        return text


def reason_field(help_text: str = KEPT_FOR_STAFF, *, max_length: int = 500) -> PlainTextFormField:
    """Return a form field of several lines for a reason; `help_text` says who will read it."""
    return PlainTextFormField(
        has_lines=True,
        max_length=max_length,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text=help_text,
    )


class ReasonForm(forms.Form):
    reason = reason_field()

    def __init__(self, *args: Any, help_text: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = help_text


def reason_action(
    *, description: str, done: str, help_text: str = KEPT_FOR_STAFF
) -> Callable[[Moderate], Callable[..., Any]]:
    """Make an admin action from a method `(self, request, row, reason)` that calls a service for one row.

    An intermediate page lists the rows and asks for the reason. Rows that the service refuses are reported
    with the error; the others are changed. `done` is the participle for the success message ("banned"),
    `help_text` says who will read the reason.
    """

    def make_form(data: QueryDict | None, rows: Sequence[Any]) -> ReasonForm:
        return ReasonForm(data, help_text=help_text)

    def decorate(moderate: Moderate) -> Callable[..., Any]:
        @functools.wraps(moderate)
        def act(self: Any, request: HttpRequest, row: Any, cleaned: Mapping[str, Any]) -> None:
            moderate(self, request, row, cleaned["reason"])

        return form_action(description=description, done=done, make_form=make_form)(act)

    return decorate


def form_action(
    *, description: str, done: str, make_form: MakeForm, is_for_one_row: bool = False
) -> Callable[[Act], Callable[..., Any]]:
    """Make an admin action from a method `(self, request, row, cleaned)`, as `reason_action` does.

    `make_form(data, rows)` returns the form that the intermediate page shows. The method may return a
    sentence for the person, which is then shown in place of the one with `done`.
    """

    def decorate(act: Act) -> Callable[..., Any]:
        @admin.action(description=description, permissions=["moderate"])
        @functools.wraps(act)
        def run(self: Any, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponse | None:
            rows = list(queryset)
            if is_for_one_row and len(rows) != 1:
                self.message_user(request, "Select one row for this.", messages.ERROR)
                return None
            form = make_form(request.POST if "confirmed" in request.POST else None, rows)
            if not form.is_valid():
                return _form_page(self, request, rows, form, description, act.__name__)
            for row in rows:
                try:
                    sentence = act(self, request, row, form.cleaned_data)
                except DomainError as error:
                    self.message_user(request, f"{row}: {_explain(error)}", messages.ERROR)
                else:
                    self.message_user(request, sentence or f"{row} is {done}.", messages.SUCCESS)
            if len(rows) == 1:
                opts = self.model._meta
                page = f"{self.admin_site.name}:{opts.app_label}_{opts.model_name}_change"
                return HttpResponseRedirect(reverse(page, args=[rows[0].pk]))
            return None

        run.asks_reason = True  # type: ignore[attr-defined]
        return run

    return decorate


def _explain(error: DomainError) -> str:
    """Return the error's message, with what is wrong with each value."""
    details = error.details if isinstance(error.details, Mapping) else {}
    problems = [str(each) for value in details.values() if isinstance(value, list) for each in value]
    return " ".join([str(error.message), *problems])


def _form_page(
    screen: Any, request: HttpRequest, rows: list[Model], form: forms.Form, description: str, action: str
) -> TemplateResponse:
    context = {
        **screen.admin_site.each_context(request),
        "title": description,
        "opts": screen.model._meta,
        "rows": rows,
        "form": form,
        "action": action,
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
        "media": screen.media,
    }
    return TemplateResponse(request, "admin/reason_action.html", context)
