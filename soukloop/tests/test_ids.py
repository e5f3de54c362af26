"""Ids in bodies, queries, paths and commands are accepted in one form only."""

from typing import Any

import pytest
from rest_framework import serializers

from accounts.tests.factories import client_for, make_seller
from soukloop.core.http.fields import IdField
from soukloop.tests.routes import SOME_ID
from soukloop.tests.shapes import shapes_of_requests

MESSAGE = "Use an id such as 5e2f9c1a-0d3b-4c4e-9f66-2f1f0a7b8c9d."
NOT_IDS = [5, 5.5, True, [str(SOME_ID)], SOME_ID.hex, f"urn:uuid:{SOME_ID}", f"{{{SOME_ID}}}"]
BODIES = [
    ("conversations", {}, "other_user_id"),
    ("conversations", {"other_user_id": str(SOME_ID)}, "product_id"),
    ("offers", {"offered_price": 5}, "product_id"),
    (f"streams/{SOME_ID}/mutes", {}, "user_id"),
    (f"streams/{SOME_ID}/moderators", {}, "user_id"),
]
LISTS = [
    ("streams", {"title": "Live", "category": "sneakers"}, "product_ids"),
    ("notifications/read", {}, "ids"),
]
QUERIES = [("offers", "product_id"), ("transactions", "product_id"), ("streams", "seller_id")]


def test_every_input_reads_ids_with_the_same_field() -> None:
    read = []
    for shape in shapes_of_requests():
        for name, field in shape().fields.items():
            one = getattr(field, "child", field)
            if isinstance(one, serializers.UUIDField):
                read.append(f"{shape.__name__}.{name}")
                assert isinstance(one, IdField), read[-1]
    assert len(read) > 15


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "body", "field"), BODIES)
def test_an_invalid_id_is_a_400_that_names_the_field(path: str, body: dict[str, Any], field: str) -> None:
    client = client_for(make_seller())
    for value in NOT_IDS:
        answer = client.post(f"/api/v1/{path}", body | {field: value})
        assert (answer.status_code, answer.json()["error"]["details"]) == (400, {field: [MESSAGE]})


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "body", "field"), LISTS)
def test_an_invalid_id_in_a_list_is_named_by_its_position(
    path: str, body: dict[str, Any], field: str
) -> None:
    client = client_for(make_seller())
    for value in NOT_IDS:
        answer = client.post(f"/api/v1/{path}", body | {field: [str(SOME_ID), value]})
        assert answer.status_code == 400
        assert answer.json()["error"]["details"] == {field: {"1": [MESSAGE]}}


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "field"), QUERIES)
def test_an_invalid_id_in_a_query_is_a_400_that_names_the_field(path: str, field: str) -> None:
    client = client_for(make_seller())
    for value in NOT_IDS:
        answer = client.get(f"/api/v1/{path}", {field: str(value)})
        assert (answer.status_code, answer.json()["error"]["details"]) == (400, {field: [MESSAGE]})
    assert client.get(f"/api/v1/{path}", {field: str(SOME_ID).upper()}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("value", [SOME_ID.hex, f"urn:uuid:{SOME_ID}", f"{{{SOME_ID}}}", "5"])
def test_an_invalid_id_in_a_path_is_404(value: str) -> None:
    assert client_for(make_seller()).get(f"/api/v1/conversations/{value}").status_code == 404
