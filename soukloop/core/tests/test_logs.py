"""Log lines are JSON, carry the request's id, and hold no secrets."""

import json
import logging

import pytest
from django.test import Client

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
