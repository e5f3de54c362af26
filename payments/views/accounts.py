"""Views of a seller's account at the card provider, and of the card saved for fees."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user
from payments import access
from payments.serializers.accounts import (
    CardFormOutput,
    OnboardingLinkOutput,
    SavedCardOutput,
    SellerAccountOutput,
    account_body,
    card_body,
    card_form_body,
    onboarding_body,
)
from payments.services import accounts, cards
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.validation import NoInput, validated

_TAGS = ["Payments"]


class SellerAccountView(APIView):
    """The seller's account at the card provider."""

    rate_scope = {"POST": "payment_account"}

    @extend_schema(
        operation_id="getPaymentAccount",
        tags=_TAGS,
        summary="Show whether buyers can pay you by card",
        description="`requirements` are in the language of the answer. Sales in person need no account.",
        responses=SellerAccountOutput,
    )
    def get(self, request: Request) -> Response:
        return Response(account_body(access.account_of(current_user(request))))

    @extend_schema(
        operation_id="beginPaymentAccount",
        tags=_TAGS,
        summary="Begin to be paid by card, or have the state asked again",
        description="The account is made at the provider a moment later; sellers alone have one. Repeating it"
        " makes no second account, and asks the provider for the present state.",
        request=None,
        responses={200: SellerAccountOutput} | refusals(403),
    )
    def post(self, request: Request) -> Response:
        validated(NoInput, request.data)
        return Response(account_body(accounts.begin_onboarding(actor=current_user(request))))


class OnboardingLinkView(APIView):
    """Links to the provider's page."""

    rate_scope = "payment_account"

    @extend_schema(
        operation_id="createOnboardingLink",
        tags=_TAGS,
        summary="Open the provider's page on which you complete your account",
        description="The page asks for a trade licence or freelancer permit and a bank account, and leads"
        " back to the app's page `account/payments`. The link is valid for some minutes. Begins the account"
        " where there is none. Errors: 409 `payment_account_refused`, 503 `provider_unavailable`.",
        request=None,
        responses={200: OnboardingLinkOutput} | refusals(403, 409),
    )
    def post(self, request: Request) -> Response:
        validated(NoInput, request.data)
        url, expires_at = accounts.onboarding_link(actor=current_user(request))
        return Response(onboarding_body(url, expires_at))


class SavedCardView(APIView):
    """The card for the monthly bill of fees."""

    rate_scope = {"POST": "payment_account"}

    @extend_schema(
        operation_id="getSavedCard",
        tags=_TAGS,
        summary="Show your saved card",
        responses=SavedCardOutput,
    )
    def get(self, request: Request) -> Response:
        return Response(card_body(access.card_of(current_user(request))))

    @extend_schema(
        operation_id="beginToSaveCard",
        tags=_TAGS,
        summary="Open the provider's form that saves a card",
        description="Its number goes to the provider alone. The card that is saved now stays until another"
        " has taken its place. Errors: 409 `card_form_refused`, 503 `provider_unavailable`.",
        request=None,
        responses={200: CardFormOutput} | refusals(403, 409),
    )
    def post(self, request: Request) -> Response:
        validated(NoInput, request.data)
        card, client_secret = cards.begin_card_setup(actor=current_user(request))
        return Response(card_form_body(card, client_secret))

    @extend_schema(
        operation_id="removeSavedCard",
        tags=_TAGS,
        summary="Remove your saved card",
        request=None,
        responses={204: None} | refusals(404),
    )
    def delete(self, request: Request) -> Response:
        cards.remove_card(actor=current_user(request))
        return Response(status=204)
