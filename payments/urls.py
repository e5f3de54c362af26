"""URLs of payments, under `/api/v1/`."""

from django.urls import path

from payments.views.accounts import OnboardingLinkView, SavedCardView, SellerAccountView
from payments.views.balances import (
    BalanceView,
    FeeBillList,
    FeeBillPayment,
    PayoutList,
    Statement,
    StatementList,
)
from payments.views.documents import DocumentPage, DocumentPdf, Documents
from payments.views.webhooks import Webhook

urlpatterns = [
    path("documents", Documents.as_view()),
    path("documents/<uuid:document_id>.html", DocumentPage.as_view()),
    path("documents/<uuid:document_id>.pdf", DocumentPdf.as_view()),
    path("payments/webhooks/<str:provider>", Webhook.as_view()),
    path("payments/account", SellerAccountView.as_view()),
    path("payments/account/onboarding", OnboardingLinkView.as_view()),
    path("payments/card", SavedCardView.as_view()),
    path("balance", BalanceView.as_view()),
    path("payouts", PayoutList.as_view()),
    path("fee-bills", FeeBillList.as_view()),
    path("fee-bills/<uuid:bill_id>/pay", FeeBillPayment.as_view()),
    path("statements", StatementList.as_view()),
    path("statements/<str:month>.csv", Statement.as_view()),
]
