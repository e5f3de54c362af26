"""Fields that a request or command doesn't have are refused; their sender would take them for accepted."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.serializers import ValidationError

from accounts.tests.factories import client_for, make_seller, make_user
from listings.models import Product
from listings.tests.bodies import COMMUNITY_BODY
from soukloop.core.http.fields import LocationField
from soukloop.realtime.commands import COMMANDS
from soukloop.tests.routes import Route, api_routes

pytestmark = pytest.mark.django_db

WRITES = [
    (method, route) for route in api_routes() for method in sorted(route.methods & {"POST", "PUT", "PATCH"})
]


def names(value: Any) -> str:
    return value.template if isinstance(value, Route) else str(value)


def unknown_field_details(response: Any) -> Any:
    assert response.status_code == 400, response.content
    assert response.json()["error"]["code"] == "validation_error"
    return response.json()["error"]["details"]


def test_a_product_with_a_field_that_products_do_not_have_is_not_created() -> None:
    client = client_for(make_seller())
    response = client.post("/api/v1/products", {**COMMUNITY_BODY, "status": "draft"}, format="json")
    [message] = unknown_field_details(response)["status"]
    assert message.startswith("This request has no such field. It has title, description, price,")
    assert not Product.objects.exists()


def test_a_change_is_refused_whole_when_one_of_its_fields_is_unknown() -> None:
    seller = make_seller()
    client = client_for(seller)
    created = client.post("/api/v1/products", COMMUNITY_BODY, format="json").json()["data"]
    url = f"/api/v1/products/{created['id']}"
    details = unknown_field_details(client.patch(url, {"price": 10, "status": "sold"}, format="json"))
    assert set(details) == {"status"}
    assert Product.objects.get().price == created["price"]


def test_unknown_fields_are_reported_together_with_invalid_ones() -> None:
    body = {"identifier": "a@example.com", "passwort": "x", "remember": True}
    details = unknown_field_details(
        Client().post("/api/v1/auth/login", body, content_type="application/json")
    )
    assert set(details) == {"password", "passwort", "remember"}


def test_only_the_first_unknown_fields_are_reported() -> None:
    body = {f"name{number}": 1 for number in range(1000)}
    response = client_for(make_user()).post("/api/v1/auth/logout-all", body, format="json")
    assert len(unknown_field_details(response)) == 20


def test_an_upload_with_an_unknown_field_is_refused() -> None:
    picture = SimpleUploadedFile("a.png", b"no picture", "image/png")
    client = client_for(make_seller())
    response = client.post("/api/v1/uploads/images", {"file": picture, "crop": "1"}, format="multipart")
    assert "crop" in unknown_field_details(response)


@pytest.mark.parametrize("value", [None, "", "x"])
def test_a_location_with_more_than_two_coordinates_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="and nothing else"):
        LocationField().run_validation({"latitude": 25, "longitude": 55, "altitude": value})


def test_a_query_with_an_unknown_parameter_is_answered() -> None:
    assert Client().get("/api/v1/search?q=x&utm_source=mail").status_code == 200
    assert client_for(make_user()).get("/api/v1/offers?utm_source=mail").status_code == 200


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_socket_command_takes_an_unknown_field(name: str) -> None:
    command = COMMANDS[name]
    with pytest.raises(ValidationError) as refused:
        command.validated({**command.example, "noSuchField": 1})
    assert set(refused.value.detail) == {"noSuchField"}


def test_openapi_says_that_no_request_has_further_fields() -> None:
    schemas = Client().get("/openapi.json").json()["components"]["schemas"]
    inputs = {name for name in schemas if name.endswith("Input")}
    assert {"ProductInput", "RegisterInput", "ProductChangesInput"} <= inputs
    assert all(schemas[name]["additionalProperties"] is False for name in inputs)


# These look up the row in the URL first, which does not exist here.
_OWNER_FIRST = re.compile("/api/v1/(products/<uuid:product_id>|conversations/.*/images)$")
# A payment provider writes what it likes.
_WEBHOOK = ("POST", "/api/v1/payments/webhooks/<str:provider>")
# Its body has no fields.
_BYTES = ("PATCH", "/api/v1/uploads/videos/<uuid:video_id>")


@pytest.mark.parametrize(("method", "route"), WRITES, ids=names)
def test_no_endpoint_takes_an_unknown_field(method: str, route: Route) -> None:
    client = client_for(make_seller())
    if _OWNER_FIRST.fullmatch(route.template) or (method, route.template) in (_BYTES, _WEBHOOK):
        return
    multipart = any(media in route.template for media in ("image", "avatar"))
    response = client.generic(
        method,
        route.path,
        *(
            (
                '--b\r\nContent-Disposition: form-data; name="no_such_field"\r\n\r\n1\r\n--b--\r\n',
                "multipart/form-data; boundary=b",
            )
            if multipart
            else ('{"no_such_field": 1}', "application/json")
        ),
    )
    details = unknown_field_details(response)
    if "non_field_errors" in details:  # a change of nothing
        assert details["non_field_errors"][0].startswith("Nothing to change. Send at least one of these")
    else:
        assert "no_such_field" in details
