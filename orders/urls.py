"""URLs of orders, under `/api/v1/`."""

from django.urls import path

from orders.views.addresses import AddressViewSet
from orders.views.disputes import DisputesOfOrder, DisputeViewSet
from orders.views.orders import HandOverCodeImage, OrderViewSet, SaleViewSet
from orders.views.reviews import PendingReviews, Reviews, ReviewsOfUser
from orders.views.shipping import Carriers, Shipment

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
    path("orders/<uuid:order_id>/ship", Shipment.as_view()),
    path("orders/<uuid:order_id>/disputes", DisputesOfOrder.as_view()),
    path("sales", SaleViewSet.as_view({"get": "list"})),
    path("carriers", Carriers.as_view()),
    path("disputes", DisputeViewSet.as_view({"get": "list"})),
    path("disputes/<uuid:dispute_id>", DisputeViewSet.as_view({"get": "retrieve"})),
    path(
        "disputes/<uuid:dispute_id>/evidence",
        DisputeViewSet.as_view({"post": "evidence"}, rate_scope="dispute_write"),
    ),
    path(
        "disputes/<uuid:dispute_id>/withdraw",
        DisputeViewSet.as_view({"post": "withdraw"}, rate_scope="dispute_write"),
    ),
    path(
        "disputes/<uuid:dispute_id>/accept",
        DisputeViewSet.as_view({"post": "accept"}, rate_scope="dispute_write"),
    ),
    path("reviews", Reviews.as_view()),
    path("reviews/pending", PendingReviews.as_view()),
    path("users/<uuid:user_id>/reviews", ReviewsOfUser.as_view()),
]
