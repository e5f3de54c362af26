"""iOS and Android learn from this host which app opens its links."""

from fnmatch import fnmatch
from typing import Any

import pytest
from django.test import Client

from notifications.kinds import KINDS

APPLE, ANDROID = "/.well-known/apple-app-site-association", "/.well-known/assetlinks.json"


def test_ios_learns_which_app_opens_each_link_of_a_notification(settings: Any) -> None:
    settings.APPLE_APP_IDS = ["ABCDE12345.com.soukloop.app"]
    answer = Client().get(APPLE)
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "public, max-age=3600"
    [details] = answer.json()["applinks"]["details"]
    assert details["appIDs"] == ["ABCDE12345.com.soukloop.app"]
    opened = [component["/"] for component in details["components"]]
    links = [f"/{kind.link}" for kind in KINDS.values() if kind.link]
    assert not [link for link in links if not any(fnmatch(link, pattern) for pattern in opened)]
    assert not [link for link in ("/admin/", "/", "/docs") if any(fnmatch(link, each) for each in opened)]


def test_android_learns_which_package_and_certificates_open_links(settings: Any) -> None:
    settings.ANDROID_PACKAGE = "com.soukloop.app"
    settings.ANDROID_CERTIFICATES = ["14:6D:E9"]
    [statement] = Client().get(ANDROID).json()
    assert statement == {
        "relation": ["delegate_permission/common.handle_all_urls"],
        "target": {
            "namespace": "android_app",
            "package_name": "com.soukloop.app",
            "sha256_cert_fingerprints": ["14:6D:E9"],
        },
    }


@pytest.mark.parametrize("path", [APPLE, ANDROID])
@pytest.mark.django_db
def test_there_are_no_such_files_until_the_apps_are_named(path: str) -> None:
    assert Client().get(path).status_code == 404
