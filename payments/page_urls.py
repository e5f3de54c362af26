"""The sandbox's pages and its own API: another server's, if it were a real provider."""

from django.urls import path, register_converter

from payments.providers.sandbox import api, pages


class SecretConverter:
    """What a secret in an address is made of; anything else has no page, and is never looked for."""

    regex = r"[A-Za-z0-9_.:-]{1,4000}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(SecretConverter, "secret")

urlpatterns = [
    path("sandbox/pay/<secret:client_secret>", pages.pay),
    path("sandbox/pay/<secret:client_secret>/challenge", pages.challenge),
    path("sandbox/cards/<secret:client_secret>", pages.save_card),
    path("sandbox/onboarding/<secret:token>", pages.onboarding),
    path("sandbox/payments/<secret:client_secret>", api.PaymentView.as_view()),
    path("sandbox/payments/<secret:client_secret>/confirm", api.ConfirmPaymentView.as_view()),
    path("sandbox/payments/<secret:client_secret>/challenge", api.AnswerChallengeView.as_view()),
    path("sandbox/cards/<secret:client_secret>/save", api.SaveCardView.as_view()),
    path("sandbox/onboarding/<secret:token>/complete", api.CompleteAccountView.as_view()),
]
