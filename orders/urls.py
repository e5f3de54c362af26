"""URLs of orders, under `/api/v1/`."""

from django.urls import path

from orders.views.addresses import AddressViewSet
from orders.views.orders import HandOverCodeImage, OrderViewSet, SaleViewSet

_ADDRESS = {"POST": "address_write", "PATCH": "address_write", "DELETE": "address_write"}

urlpatterns = [
    path("addresses", AddressViewSet.as_view({"get": "list", "post": "create"}, rate_scope=_ADDRESS)),
    path(
        "addresses/<uuid:address_id>",
        AddressViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}, rate_scope=_ADDRESS
        ),
    ),
    path(
        "orders", OrderViewSet.as_view({"get": "list", "post": "create"}, rate_scope={"POST": "order_write"})
    ),
    path("orders/<uuid:order_id>", OrderViewSet.as_view({"get": "retrieve"})),
    path("orders/<uuid:order_id>/pay", OrderViewSet.as_view({"post": "pay"}, rate_scope="order_write")),
    path("orders/<uuid:order_id>/cancel", OrderViewSet.as_view({"post": "cancel"})),
    path("orders/<uuid:order_id>/confirm", OrderViewSet.as_view({"post": "confirm"})),
    path(
        "orders/<uuid:order_id>/hand-over",
        OrderViewSet.as_view({"post": "hand_over"}, rate_scope="hand_over"),
    ),
    path("orders/<uuid:order_id>/hand-over-code.svg", HandOverCodeImage.as_view()),
    path("sales", SaleViewSet.as_view({"get": "list"})),
]
