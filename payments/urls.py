"""`/api/v1/payments`."""

from django.urls import path

from payments.views import Webhook

urlpatterns = [path("payments/webhooks/<str:provider>", Webhook.as_view())]
