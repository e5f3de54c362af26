"""No admin screen takes a lookup, an order or a field name that reads what the screen does not show."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client, RequestFactory

from accounts.models import User
from accounts.services import moderation
from accounts.tests.factories import make_staff, make_user
from listings.models import Product
from livestream.models import Stream
from offers.models import Transaction
from soukloop.tests.staff import list_url, staff_browser

pytestmark = pytest.mark.django_db

SCREENS = dict(admin.site._registry)
SECRET_COLUMNS = {
    "password",
    "token_version",
    "current_jti",
    "previous_jti",
    "nonce",
    "encrypted_code",
    "key_digest",
    "digest",
    "response",
}
LOOKUPS = ("", "__exact", "__startswith", "__regex", "__gt", "__gte", "__in", "__isnull", "__length__gt")


@pytest.fixture
def staff() -> Client:
    return staff_browser()


def paths(model: type[Model], depth: int = 2) -> Iterator[str]:
    """Yield the paths to all columns of the model and of the tables around it, in both directions."""
    for field in model._meta.get_fields():
        name = field.name
        if field.is_relation and field.related_model is not None:
            yield name
            if depth > 1:
                yield from (f"{name}__{path}" for path in paths(field.related_model, depth - 1))
        elif field.concrete:
            yield name


def filtered_fields(screen: Any) -> set[str]:
    fields = (each for each in screen.list_filter if not isinstance(each, type))
    return {each if isinstance(each, str) else each[0] for each in fields}


def is_declared(screen: Any, lookup: str) -> bool:
    own: set[Any] = {getattr(each, "parameter_name", None) for each in screen.list_filter}
    fields = filtered_fields(screen)
    return lookup in own | {*screen.link_lookups} or any(
        lookup == name or lookup.startswith(f"{name}__") for name in fields
    )


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_a_screen_takes_no_lookup_of_a_column_that_it_does_not_declare(model: type[Model]) -> None:
    screen = SCREENS[model]
    request = RequestFactory().get("/")
    columns = sorted(set(paths(model)))
    assert len(columns) > 3
    for path in columns:
        for suffix in LOOKUPS:
            if not is_declared(screen, path + suffix):
                assert not screen.lookup_allowed(path + suffix, "x", request), path + suffix


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_a_screen_declares_no_secret_column(model: type[Model]) -> None:
    screen: Any = SCREENS[model]
    request = RequestFactory().get("/")
    request.user = make_staff()
    shown = {*screen.get_list_display(request), *screen.get_search_fields(request), *screen.link_lookups}
    shown |= filtered_fields(screen)
    shown |= {field for _, options in screen.get_fieldsets(request) for field in options["fields"]}
    shown |= {
        str(getattr(getattr(screen, name, None), "admin_order_field", "")) for name in screen.list_display
    }
    parts = {part for name in shown for part in str(name).lstrip("=^@-").split("__")}
    assert not parts & SECRET_COLUMNS


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_a_screen_names_rows_by_their_key_only(staff: Client, model: type[Model]) -> None:
    key = model._meta.pk.name
    assert staff.get(f"{list_url(model)}?_popup=1&_to_field={key}").status_code == 200
    for field in model._meta.concrete_fields:
        if field.name != key:
            assert staff.get(f"{list_url(model)}?_popup=1&_to_field={field.name}").status_code == 400, field


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_a_screen_orders_by_its_own_columns_only(staff: Client, model: type[Model]) -> None:
    for order in ("password", "-password", "999", "-999", "1.password", "seller__password", "--1"):
        assert staff.get(f"{list_url(model)}?o={order}").status_code == 200, order


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (User, "password__startswith=argon2"),
        (User, "password__regex=^argon2.*"),
        (User, "token_version__gt=0"),
        (User, "login_families__current_jti__startswith=a"),
        (User, "role__password__startswith=a"),
        (Product, "seller__password__startswith=argon2"),
        (Product, "seller__id__exact__password=a"),
        (Product, "category__product__seller__password__startswith=a"),
        (Stream, "key_digest__startswith=a"),
        (Stream, "key_digest__isnull=1"),
        (Stream, "created_at__year__gt=1"),
        (Transaction, "buyer__password__startswith=argon2"),
        (Group, "user__password__startswith=argon2"),
        (Group, "name__startswith=M"),
    ],
)
def test_a_moderator_gets_a_400_for_a_lookup_that_is_not_declared(model: type[Model], query: str) -> None:
    superuser, moderator = make_staff(), make_user()
    superuser.is_superuser = True
    superuser.save()
    moderation.set_staff(actor=superuser, user_id=moderator.pk, is_staff=True, reason="Helps")
    if model is Group:
        moderator.is_superuser = True
        User.objects.filter(pk=moderator.pk).update(is_superuser=True)
    browser = Client()
    browser.force_login(User.objects.get(pk=moderator.pk))
    assert browser.get(list_url(model)).status_code == 200
    right, wrong = browser.get(f"{list_url(model)}?{query}"), browser.get(f"{list_url(model)}?{query}zzzz")
    assert right.status_code == wrong.status_code == 400
    assert right.content == wrong.content


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (
            User,
            "role__exact=seller&is_verified__exact=1&state=active&created_at__gte=2026-01-01+00%3A00%3A00%2B04%3A00",
        ),
        (Product, "category__slug__exact=electronics&status__exact=active"),
        (Stream, "category__slug__exact=electronics&created_at__year=2026&created_at__month=3"),
        (Transaction, "created_at__year=2026&status__exact=pending"),
    ],
)
def test_the_filters_of_a_screen_still_work(staff: Client, model: type[Model], query: str) -> None:
    assert staff.get(f"{list_url(model)}?{query}").status_code == 200


@pytest.mark.parametrize(
    ("app", "model", "field"),
    [("listings", "product", "seller"), ("livestream", "stream", "seller"), ("offers", "offer", "buyer")],
)
def test_autocomplete_answers_404(staff: Client, app: str, model: str, field: str) -> None:
    query = f"app_label={app}&model_name={model}&field_name={field}&term=a"
    assert staff.get(f"/admin/autocomplete/?{query}").status_code == 404


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_a_null_character_in_a_url_of_the_admin_is_refused(staff: Client, model: type[Model]) -> None:
    screen: Any = SCREENS[model]
    filters = sorted(filtered_fields(screen) | {*screen.link_lookups})
    queries = ["q=%00", "%00=1", "o=%00", *(f"{name}__exact=%00" for name in filters)]
    queries += [f"{name}__exact=%00&{name}__exact=active" for name in filters]
    for query in queries:
        assert staff.get(f"{list_url(model)}?{query}").status_code == 400, query
    for key in ("%00", "_00", "x_00"):
        for page in ("change", "history", "delete"):
            assert staff.get(f"{list_url(model)}{key}/{page}/").status_code in (302, 403, 404), (key, page)


def test_a_refused_request_of_staff_is_logged_in_one_line_without_a_traceback(
    staff: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert staff.get(f"{list_url(User)}?password__startswith=a%0Ab").status_code == 400
    too_many = {f"field{number}": "" for number in range(1001)}
    assert Client().post("/admin/login/", too_many).status_code == 400
    [record] = [each for each in caplog.records if each.name.startswith(("soukloop.core.staff", "django"))]
    assert record.levelname == "WARNING"
    assert "\n" not in record.getMessage()
    assert record.exc_info is None
