"""The sandbox's pages and its own API: another server's, if it were a real provider."""

from django.urls import path

from payments.providers.sandbox import api, pages

urlpatterns = [
    path("sandbox/pay/<str:client_secret>", pages.pay),
    path("sandbox/pay/<str:client_secret>/challenge", pages.challenge),
    path("sandbox/cards/<str:client_secret>", pages.save_card),
    path("sandbox/onboarding/<str:token>", pages.onboarding),
    path("sandbox/payments/<str:client_secret>", api.PaymentView.as_view()),
    path("sandbox/payments/<str:client_secret>/confirm", api.ConfirmPaymentView.as_view()),
    path("sandbox/payments/<str:client_secret>/challenge", api.AnswerChallengeView.as_view()),
    path("sandbox/cards/<str:client_secret>/save", api.SaveCardView.as_view()),
    path("sandbox/onboarding/<str:token>/complete", api.CompleteAccountView.as_view()),
]
