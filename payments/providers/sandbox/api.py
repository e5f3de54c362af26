"""The sandbox's own API, by which programs do what people do on its pages.

It is a provider's, as Stripe's is, and so no part of our description: docs/payments.md explains it.
"""

from typing import Any

from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments.models import SandboxPayment
from payments.providers.sandbox import accounts, payments
from payments.providers.sandbox.cards import CARDS_TO_SAVE, CHALLENGE, PAYMENT_CARDS
from payments.providers.sandbox.records import is_allowed
from soukloop.core.errors import Conflict, NotFound
from soukloop.core.http.validation import NoInput, validated
from soukloop.core.money import from_fils


class ConfirmPaymentInput(serializers.Serializer[None]):
    card = serializers.ChoiceField(choices=list(PAYMENT_CARDS))


class AnswerChallengeInput(serializers.Serializer[None]):
    answer = serializers.ChoiceField(choices=["pass", "fail"])


class SaveCardInput(serializers.Serializer[None]):
    card = serializers.ChoiceField(choices=list(CARDS_TO_SAVE))


class SandboxView(APIView):
    """A view for whoever knows the secret in its address; 404 where the sandbox isn't allowed."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not is_allowed():
            raise NotFound
        super().initial(request, *args, **kwargs)


class PaymentView(SandboxView):
    def get(self, request: Request, client_secret: str) -> Response:
        return Response(_payment_body(payments.payment_of_page(client_secret)))


class ConfirmPaymentView(SandboxView):
    def post(self, request: Request, client_secret: str) -> Response:
        card = validated(ConfirmPaymentInput, request.data)["card"]
        return Response(_payment_body(payments.confirm_payment(client_secret, card)))


class AnswerChallengeView(SandboxView):
    def post(self, request: Request, client_secret: str) -> Response:
        answer = validated(AnswerChallengeInput, request.data)["answer"]
        return Response(_payment_body(payments.answer_challenge(client_secret, is_passed=answer == "pass")))


class SaveCardView(SandboxView):
    def post(self, request: Request, client_secret: str) -> Response:
        setup = accounts.save_card(client_secret, validated(SaveCardInput, request.data)["card"])
        card = CARDS_TO_SAVE[setup.test_card]
        return Response({"id": setup.card, "brand": card.brand, "last4": card.last4})


class CompleteAccountView(SandboxView):
    """Completes the account of an onboarding link with invented data."""

    def post(self, request: Request, token: str) -> Response:
        validated(NoInput, request.data)
        account, _ = accounts.read_onboarding_token(token)
        if account is None:
            raise Conflict
        account = accounts.complete_account(account.pk)
        return Response({"id": account.pk, "charges_enabled": account.is_ready})


def _payment_body(payment: SandboxPayment) -> dict[str, Any]:
    is_open = payment.state == SandboxPayment.State.REQUIRES_ACTION
    return {
        "id": payment.pk,
        "state": payment.state,
        "amount": from_fils(payment.amount),
        "currency": payment.currency,
        "description": payment.description,
        "failure_code": payment.failure_code,
        "needs_challenge": is_open and payment.test_card == CHALLENGE.name,
    }
