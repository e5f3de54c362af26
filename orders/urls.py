"""URLs of orders, under `/api/v1/`."""

from django.urls import path

from orders.views.addresses import AddressViewSet

_ADDRESS = {"POST": "address_write", "PATCH": "address_write", "DELETE": "address_write"}

urlpatterns = [
    path("addresses", AddressViewSet.as_view({"get": "list", "post": "create"}, rate_scope=_ADDRESS)),
    path(
        "addresses/<uuid:address_id>",
        AddressViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}, rate_scope=_ADDRESS
        ),
    ),
]
