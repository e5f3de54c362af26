"""The root URL configuration; the apps' own URLs are collected from them."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from soukloop.core.domain import collect_urls
from soukloop.core.http.health import healthz, readyz
from soukloop.core.http.views import DocsPage, RedocPage, UnknownUrl, openapi_json
from soukloop.core.metrics.page import metrics
from soukloop.realtime.views import asyncapi_document

urlpatterns = [
    path("", RedirectView.as_view(url="/docs")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("openapi.json", openapi_json, name="openapi"),
    path("asyncapi.json", asyncapi_document),
    path("docs", DocsPage.as_view(url_name="openapi"), name="docs"),
    path("redoc", RedocPage.as_view(url_name="openapi"), name="redoc"),
    path("admin/", admin.site.urls),
    path("api/v1/", include(collect_urls("urls"))),
    path("internal/", include(collect_urls("internal_urls"))),
    path("", include(collect_urls("page_urls"))),
    re_path(r"^(?:/*)api(/|$)", UnknownUrl.as_view()),
]
