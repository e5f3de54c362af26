"""Log lines are JSON, carry the request's id, and hold no secrets."""

import json
import logging

import pytest
from django.test import Client

from soukloop.core.http.requests import log_request
from soukloop.core.logs import ConsoleFormatter, JsonFormatter, RequestFilter, redact

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_DEF-123"


def test_a_line_is_json_with_the_request_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "soukloop.request"):
        Client().get("/api/v1/nowhere?q=private", headers={"x-request-id": "abc-12345"})
    record = caplog.records[-1]
    RequestFilter().filter(record)
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == "GET /api/v1/nowhere 404"
    assert line["request_id"] == "abc-12345"
    assert (line["status"], line["path"], line["level"]) == (404, "/api/v1/nowhere", "INFO")
    assert "private" not in json.dumps(line)


@pytest.mark.parametrize(
    "text", [f"Bearer {TOKEN}", "sk_0123456789abcdef", "/ws/?ticket=abcdef0123", "token=xyz&a=1"]
)
def test_secrets_are_redacted_from_every_logger(text: str) -> None:
    assert "[redacted]" in redact(text)
    record = logging.LogRecord("x", logging.INFO, "", 0, text, None, None)
    for secret in (TOKEN, "sk_0123456789abcdef", "abcdef0123", "xyz"):
        assert secret not in ConsoleFormatter().format(record)
        assert secret not in JsonFormatter().format(record)


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/sandbox/pay/pay_1_secret_0a1b2c", "/sandbox/pay/pay_1_secret_[redacted]"),
        (
            "/sandbox/payments/pay_1_secret_0a1b2c/confirm",
            "/sandbox/payments/pay_1_secret_[redacted]/confirm",
        ),
        ("/sandbox/cards/seti_1_secret_0a1b2c/save", "/sandbox/cards/seti_1_secret_[redacted]/save"),
        ("/sandbox/onboarding/eA-b_c:1x:0a1b2c", "/sandbox/onboarding/[redacted]"),
        ("/api/v1/payments/account/onboarding", "/api/v1/payments/account/onboarding"),
    ],
)
def test_secrets_in_addresses_of_a_providers_pages_are_not_logged(
    path: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "soukloop.request"):
        log_request("GET", path, 200, took=0.1, ip="127.0.0.1")
    record = caplog.records[-1]
    RequestFilter().filter(record)
    line = json.loads(JsonFormatter().format(record))
    assert (line["path"], line["message"]) == (logged, f"GET {logged} 200")
    assert f"GET {logged} 200" in ConsoleFormatter().format(record)
