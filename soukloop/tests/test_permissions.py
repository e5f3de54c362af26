"""Permissions: the status of each route and method for a visitor, a stranger, the buyer and the seller.

Each app declares in its `tests/permissions.py` the expected statuses (`STATUSES`) and request bodies that are
valid where the permission needs that (`BODIES`), and creates the rows of its routes (`make_rows`).
"""

import re
from collections import Counter
from types import ModuleType

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from accounts.tests.factories import client_for
from soukloop.tests.collect import modules_of_apps
from soukloop.tests.people import People
from soukloop.tests.routes import api_routes

MODULES = modules_of_apps("permissions")
MODULE_OF: dict[str, ModuleType] = {endpoint: module for module in MODULES for endpoint in module.STATUSES}


def test_the_tables_list_each_route_and_method_once() -> None:
    endpoints = {f"{method} {route.template}" for route in api_routes() for method in route.methods}
    listed = Counter(endpoint for module in MODULES for endpoint in module.STATUSES)
    assert endpoints - set(listed) == set(), "give these a line in tests/permissions.py of their app"
    assert set(listed) - endpoints == set()
    assert set(listed.values()) == {1}


def test_each_body_belongs_to_a_route_of_the_table() -> None:
    for module in MODULES:
        assert set(getattr(module, "BODIES", {})) <= set(module.STATUSES)


@pytest.mark.django_db
@pytest.mark.parametrize("endpoint", sorted(MODULE_OF))
def test_each_role_gets_the_status_in_the_table(endpoint: str) -> None:
    module = MODULE_OF[endpoint]
    people = People()
    rows = module.make_rows(people) if hasattr(module, "make_rows") else {}
    method, template = endpoint.split()
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(rows[match[1]]), template)
    body = getattr(module, "BODIES", {}).get(endpoint, "{}")
    statuses = []
    for person in (None, people.stranger, people.buyer, people.seller):
        client = client_for(person) if person else APIClient()
        with transaction.atomic():
            answer = client.generic(method, path, body, content_type="application/json")
            transaction.set_rollback(True)
        statuses.append(answer.status_code)
    assert tuple(statuses) == module.STATUSES[endpoint]
