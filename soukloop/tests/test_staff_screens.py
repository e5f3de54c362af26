"""All lists and pages of the admin open, with a constant number of queries, and so do the pages they link to.

Each app declares in its `tests/staff_screens.py` a factory of rows for each of its screens.
"""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from offers.models import Transaction
from soukloop.tests.collect import modules_of_apps
from soukloop.tests.staff import list_url, read, staff_browser

pytestmark = pytest.mark.django_db

SCREENS: dict[type[Model], Callable[[], Any]] = {
    model: make for module in modules_of_apps("staff_screens") for model, make in module.SCREENS.items()
}


@pytest.fixture
def staff() -> Client:
    return staff_browser()


def test_each_admin_screen_is_declared_by_an_app() -> None:
    screens = {model for model in admin.site._registry if model._meta.app_label != "auth"}
    missing = {model._meta.label for model in screens - set(SCREENS)}
    assert not missing, f"add a factory for {missing} to `tests/staff_screens.py` of the app"
    gone = {model._meta.label for model in set(SCREENS) - screens}
    assert not gone, f"{gone} have no admin screen: remove them from `tests/staff_screens.py` of the app"


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_a_list_takes_the_same_number_of_queries_for_any_number_of_rows(
    staff: Client, model: type[Model]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            read(staff, list_url(model))
        return len(captured)

    SCREENS[model]()
    read(staff, list_url(model))  # content types and the like are looked up once
    few = queries()
    for _ in range(5):
        SCREENS[model]()
    assert model._default_manager.count() > 5
    assert queries() == few <= 12


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_a_search_without_results_says_so(staff: Client, model: type[Model]) -> None:
    page = read(staff, f"{list_url(model)}?q=nobody-wrote-this")
    assert "No rows match this search" in page
    assert 'class="help"' in page, "no help for the search"


def test_an_empty_list_says_that_it_is_empty(staff: Client) -> None:
    assert "No rows yet." in read(staff, list_url(Transaction))


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.model_name)
def test_a_page_and_each_page_it_links_to_open(staff: Client, model: type[Model]) -> None:
    SCREENS[model]()
    row = model._default_manager.order_by("-pk")[0]
    page = read(staff, f"{list_url(model)}{row.pk}/change/")
    assert 'name="_save"' not in page
    links = re.findall(r'href="(/admin/[^"#]+)"', page.split('id="content-main"')[1])
    for link in {html.unescape(link) for link in links} - {"/admin/logout/"}:
        read(staff, link)
