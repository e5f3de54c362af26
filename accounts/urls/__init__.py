"""URLs of accounts, under `/api/v1/auth/` and `/api/v1/users/`."""

from django.urls import include, path

urlpatterns = [
    path("auth/", include("accounts.urls.auth")),
    path("users/", include("accounts.urls.users")),
]
