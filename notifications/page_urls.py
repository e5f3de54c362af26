"""URLs outside the API: pages that links in emails lead to, and the files that make links open the app."""

from django.urls import path

from notifications.views.app_links import android_asset_links, apple_app_site_association
from notifications.views.unsubscribe import unsubscribe

urlpatterns = [
    path("unsubscribe/<str:token>", unsubscribe),
    path(".well-known/apple-app-site-association", apple_app_site_association),
    path(".well-known/assetlinks.json", android_asset_links),
]
