"""URLs of accounts, under `/api/v1/auth/` and `/api/v1/users/`."""

from django.urls import include, path

from accounts.views import people

urlpatterns = [
    path("auth/", include("accounts.urls.auth")),
    path("users", people.People.as_view()),
    path("users/", include("accounts.urls.users")),
]
