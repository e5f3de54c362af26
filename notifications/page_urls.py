"""URLs of pages, which links in emails lead to."""

from django.urls import path

from notifications.views.unsubscribe import unsubscribe

urlpatterns = [path("unsubscribe/<str:token>", unsubscribe)]
