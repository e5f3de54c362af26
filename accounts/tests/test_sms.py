"""Text messages: the two backends."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts import sms
from accounts.tasks import deliver_code
from accounts.tests.calls import PHONE

pytestmark = pytest.mark.django_db


def test_the_console_hides_digits_outside_debug(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.DEBUG = False
    sms.send(to=PHONE, text="123456 is your code")
    assert capsys.readouterr().out == f"SMS to {PHONE}: ****** is your code\n"


@pytest.fixture
def gateway(settings: Any) -> Iterator[Any]:
    received = []

    class Gateway(BaseHTTPRequestHandler):
        status = 200

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["Authorization"], json.load(io.BytesIO(body))))
            self.send_response(Gateway.status)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.SMS_BACKEND = "accounts.sms.HttpBackend"
    settings.SMS_HTTP_URL = f"http://127.0.0.1:{server.server_port}/messages"
    settings.SMS_HTTP_TOKEN = "gateway-token"
    yield Gateway, received
    server.shutdown()
    server.server_close()


def test_the_http_backend_posts_json_with_its_token(gateway: Any) -> None:
    sms.send(to=PHONE, text="123456 is your code")
    assert gateway[1] == [("/messages", "Bearer gateway-token", {"to": PHONE, "text": "123456 is your code"})]


def test_a_failing_gateway_makes_the_job_retry(gateway: Any) -> None:
    gateway[0].status = 500
    with pytest.raises(OSError, match="500") as caught:
        sms.send(to=PHONE, text="123456 is your code")
    strategy = deliver_code.retry_strategy
    assert strategy is not None
    for attempts in range(5):
        assert strategy.get_retry_decision(exception=caught.value, job=Mock(attempts=attempts)) is not None


def test_a_gateway_url_must_be_http(settings: Any) -> None:
    settings.SMS_BACKEND = "accounts.sms.HttpBackend"
    settings.SMS_HTTP_URL = "file:///etc/passwd"
    with pytest.raises(ImproperlyConfigured):
        sms.send(to=PHONE, text="x")
