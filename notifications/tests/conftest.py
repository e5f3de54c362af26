"""Kinds that only tests have, push services on loopback, and what a sender needs to trust them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from notifications.kinds import KINDS
from notifications.tests.factories import PLAIN, REPLACING
from notifications.tests.fake_fcm import FakeFcm
from notifications.tests.fake_web_push import FakeWebPush, b64
from notifications.tests.http2_server import make_certificate
from notifications.tests.smtp_server import SmtpServer
from soukloop.tests.descriptions import allow_in_tests


@pytest.fixture
def certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this process, and those that it starts, trust a certificate of localhost; return its directory."""
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path / "tls")))
    return tmp_path / "tls"


@pytest.fixture
def fcm(certificates: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFcm]:
    with FakeFcm(certificates) as server:
        values = {"FCM_CREDENTIALS": server.credentials, "FCM_URL": server.server.url}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
            setattr(settings, name, value)
        settings.PUSH_CHANNELS = settings.PUSH_CHANNELS | {"fcm": "notifications.push.fcm.FcmChannel"}
        yield server
        assert server.problems == []


@pytest.fixture
def vapid_key(settings: Any, monkeypatch: pytest.MonkeyPatch) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    settings.VAPID_PRIVATE_KEY = b64(key.private_numbers().private_value.to_bytes(32))
    settings.WEBPUSH_HOSTS = ["localhost:*"]
    channels = {"webpush": "notifications.push.web_push.WebPushChannel"}
    settings.PUSH_CHANNELS = settings.PUSH_CHANNELS | channels
    monkeypatch.setenv("VAPID_PRIVATE_KEY", settings.VAPID_PRIVATE_KEY)
    monkeypatch.setenv("WEBPUSH_HOSTS", "localhost:*")
    return key


@pytest.fixture
def web_push(certificates: Path, vapid_key: ec.EllipticCurvePrivateKey) -> Iterator[FakeWebPush]:
    with FakeWebPush(certificates, vapid_key) as server:
        yield server
        assert server.problems == []


@pytest.fixture
def test_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare the kinds that only tests have."""
    for kind in (PLAIN, REPLACING):
        monkeypatch.setitem(KINDS, kind.name, kind)
    allow_in_tests("NotificationKind", PLAIN.name, REPLACING.name)


@pytest.fixture
def smtp(settings: Any) -> Iterator[SmtpServer]:
    """A mail server on loopback, which the settings name."""
    with SmtpServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.BASE_URL = settings.WEB_URL = "https://souk.example"
        yield server
