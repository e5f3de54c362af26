"""Views of offers and transactions (contract 3.6, 3.7)."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from accounts.authentication import current_user
from offers import access, selectors
from offers.models import Offer
from offers.serializers import (
    BadgesOutput,
    CancelInput,
    OfferInput,
    OfferOutput,
    OfferPageOutput,
    OffersQuery,
    PriceInput,
    TransactionOutput,
    TransactionPageOutput,
    TransactionsQuery,
    accepted_body,
    offer_body,
    transaction_body,
)
from offers.services import negotiation, sales
from soukloop.core.db.clock import database_now
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import NoInput, validated, validated_query

_OFFERS, _TRANSACTIONS = ["Offers"], ["Transactions"]


class OfferViewSet(ViewSet):
    """The offers that the user made or received."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="makeOffer",
        tags=_OFFERS,
        summary="Make an offer",
        description="The price can't be above the asking price. The offer replaces your earlier pending offer"
        " on the product, or answers the seller's pending counter-offer. The seller's auto-accept price may"
        " accept it at once: see `status`. Errors: 403 `own_product`, 409 `offers_disabled` or"
        " `product_not_available`, 429 after five offers a day on one product.",
        request=OfferInput,
        responses={201: OfferOutput} | refusals(403, 404, 409),
        examples=[
            OpenApiExample(
                "contract 3.6",
                {
                    "product_id": "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa",
                    "offered_price": 750.00,
                    "message": "Would you accept 750 AED? I can pick up today.",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        offer = negotiation.create_offer(actor=current_user(request), **validated(OfferInput, request.data))
        return _offer_response(request, offer, status=201)

    @extend_schema(
        operation_id="listOffers",
        tags=_OFFERS,
        summary="List your offers, newest first",
        parameters=[OffersQuery, *PAGE_PARAMETERS],
        responses=OfferPageOutput,
    )
    def list(self, request: Request) -> Response:
        user, now = current_user(request), database_now()
        offers = selectors.offers_of(user, now=now, **validated_query(OffersQuery, request.query_params))
        return Response(
            paginate(offers, page_of(request), lambda rows: [offer_body(offer, user, now) for offer in rows])
        )

    @extend_schema(operation_id="getOffer", tags=_OFFERS, summary="Show an offer", responses=OfferOutput)
    def retrieve(self, request: Request, offer_id: UUID) -> Response:
        return _offer_response(request, access.offer_of(current_user(request), offer_id))

    @extend_schema(
        operation_id="acceptOffer",
        tags=_OFFERS,
        summary="Accept an offer made to you",
        description="The product is sold, a transaction is created and every other offer is declined. One of"
        " several concurrent requests succeeds. The others get 409 with the offer's new status"
        " (`offer_accepted`, `offer_withdrawn`, `offer_expired`, …), `product_not_available` or"
        " `price_lowered`.",
        request=None,
        responses={200: OfferOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "contract 3.7",
                {
                    "id": "5c1f3d0a-8f0e-4b6e-9f43-0c7f4f0b8f11",
                    "status": "accepted",
                    "transaction_id": "9a1c7c1c-2f5e-4f6a-8a8e-3f1f5b0c0d77",
                    "message": "Offer accepted! Transaction created.",
                },
                response_only=True,
            )
        ],
    )
    @idempotent
    def accept(self, request: Request, offer_id: UUID) -> Response:
        validated(NoInput, request.data)
        user = current_user(request)
        sale = negotiation.accept_offer(actor=user, offer_id=offer_id)
        return Response(accepted_body(sale.offer, user, database_now()))

    @extend_schema(
        operation_id="declineOffer",
        tags=_OFFERS,
        summary="Decline an offer made to you",
        request=None,
        responses={200: OfferOutput} | refusals(403, 409),
    )
    @idempotent
    def decline(self, request: Request, offer_id: UUID) -> Response:
        validated(NoInput, request.data)
        return _offer_response(
            request, negotiation.decline_offer(actor=current_user(request), offer_id=offer_id)
        )

    @extend_schema(
        operation_id="counterOffer",
        tags=_OFFERS,
        summary="Answer an offer made to you with another price",
        description="Closes that offer and returns the new one, which the other side may accept, decline or"
        " counter.",
        request=PriceInput,
        responses={200: OfferOutput} | refusals(403, 409),
        examples=[
            OpenApiExample(
                "A slightly higher price",
                {"offered_price": 780.00, "message": "780 and it's yours"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def counter(self, request: Request, offer_id: UUID) -> Response:
        offer = negotiation.counter_offer(
            actor=current_user(request), offer_id=offer_id, **validated(PriceInput, request.data)
        )
        return _offer_response(request, offer)

    @extend_schema(
        operation_id="withdrawOffer",
        tags=_OFFERS,
        summary="Withdraw your own offer",
        request=None,
        responses={200: OfferOutput} | refusals(403, 409),
    )
    @idempotent
    def withdraw(self, request: Request, offer_id: UUID) -> Response:
        validated(NoInput, request.data)
        return _offer_response(
            request, negotiation.withdraw_offer(actor=current_user(request), offer_id=offer_id)
        )


class TransactionViewSet(ViewSet):
    """The user's sales and purchases."""

    rate_scope: Any = None

    @extend_schema(
        operation_id="listTransactions",
        tags=_TRANSACTIONS,
        summary="List your transactions, newest first",
        parameters=[TransactionsQuery, *PAGE_PARAMETERS],
        responses=TransactionPageOutput,
    )
    def list(self, request: Request) -> Response:
        user, now = current_user(request), database_now()
        found = selectors.transactions_of(
            user, now=now, **validated_query(TransactionsQuery, request.query_params)
        )
        return Response(
            paginate(
                found, page_of(request), lambda page: [transaction_body(sale, user, now) for sale in page]
            )
        )

    @extend_schema(
        operation_id="getTransaction",
        tags=_TRANSACTIONS,
        summary="Show a transaction",
        responses=TransactionOutput,
    )
    def retrieve(self, request: Request, transaction_id: UUID) -> Response:
        user = current_user(request)
        return Response(transaction_body(access.transaction_of(user, transaction_id), user, database_now()))

    @extend_schema(
        operation_id="cancelTransaction",
        tags=_TRANSACTIONS,
        summary="Cancel a pending transaction",
        description="Either side may cancel, until the product was handed over or sent; then 409 `order_…`"
        " names the state of the order. An order is cancelled with it, and what was paid is refunded. The"
        " product is on sale again, unless it was hidden or deleted. If its seller has 50 active products, it"
        " is `inactive` until there is room.",
        request=CancelInput,
        responses={200: TransactionOutput} | refusals(409),
        examples=[
            OpenApiExample(
                "The buyer did not show up",
                {"reason": "The buyer did not show up at Al Ghurair Centre and doesn't reply."},
                request_only=True,
            )
        ],
    )
    @idempotent
    def cancel(self, request: Request, transaction_id: UUID) -> Response:
        user = current_user(request)
        sale = sales.cancel_transaction(
            actor=user, transaction_id=transaction_id, **validated(CancelInput, request.data)
        )
        return Response(transaction_body(sale, user, database_now()))


class Badges(APIView):
    @extend_schema(
        operation_id="getBadges",
        tags=["Notifications"],
        summary="Count what waits for you",
        description="The numbers on the app's tabs in one answer. The number on its icon, which also comes "
        "with every push, is `unread_notifications`.",
        responses=BadgesOutput,
    )
    def get(self, request: Request) -> Response:
        return Response(selectors.badges_of(current_user(request), database_now()))


def _offer_response(request: Request, offer: Offer, status: int = 200) -> Response:
    return Response(offer_body(offer, current_user(request), database_now()), status=status)
