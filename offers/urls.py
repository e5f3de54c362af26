"""`/api/v1/offers` and `/api/v1/transactions`."""

from django.urls import path

from offers.views import Badges, OfferViewSet, TransactionViewSet

# The contract says PATCH; a client that can't send it may POST.
_METHODS = ("patch", "post")

urlpatterns = [
    path(
        "offers", OfferViewSet.as_view({"get": "list", "post": "create"}, rate_scope={"POST": "offer_create"})
    ),
    path("offers/<uuid:offer_id>", OfferViewSet.as_view({"get": "retrieve"})),
    path("offers/<uuid:offer_id>/accept", OfferViewSet.as_view(dict.fromkeys(_METHODS, "accept"))),
    path("offers/<uuid:offer_id>/decline", OfferViewSet.as_view(dict.fromkeys(_METHODS, "decline"))),
    path(
        "offers/<uuid:offer_id>/counter",
        OfferViewSet.as_view(dict.fromkeys(_METHODS, "counter"), rate_scope="offer_create"),
    ),
    path("offers/<uuid:offer_id>/withdraw", OfferViewSet.as_view(dict.fromkeys(_METHODS, "withdraw"))),
    path("badges", Badges.as_view()),
    path("transactions", TransactionViewSet.as_view({"get": "list"})),
    path("transactions/<uuid:transaction_id>", TransactionViewSet.as_view({"get": "retrieve"})),
    path(
        "transactions/<uuid:transaction_id>/cancel",
        TransactionViewSet.as_view(dict.fromkeys(_METHODS, "cancel")),
    ),
]
