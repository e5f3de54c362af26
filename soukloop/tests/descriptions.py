"""Checks each REST answer that a test gets, and each body that was accepted, against the OpenAPI description.

Published shapes are open for new fields; here they are closed, so that a field that isn't described fails.
Answers of other URL configurations, which tests choose with `pytest.mark.urls`, are not checked.
"""

import copy
import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import httpx
import orjson
import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test.client import AsyncClientHandler, ClientHandler, FakePayload
from django.urls import Resolver404, resolve
from jsonschema_rs import Draft202012Validator, ValidationError

from soukloop.core.http.openapi import openapi_document
from soukloop.core.http.views import UnknownUrl

_PREFIX = "/api/"
_SHOWN_PROBLEMS = 5
_SECRETS = re.compile(rb'"(?:access_token|refresh_token|ticket|streamKey)":')
_ANYWHERE = {431, 500}  # headers that are too large and bugs, which say nothing about an operation


class DescriptionMismatch(AssertionError):
    """An answer or an accepted body is not as `/openapi.json` describes it."""


def check_answer(
    method: str,
    path: str,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    sent: bytes | None = None,
) -> None:
    """Check one answer, and the JSON body `sent` for it if it was accepted; raises DescriptionMismatch.

    `path` is the URL's path without its query. Other paths than those of the API are not described.
    """
    if settings.ROOT_URLCONF != "soukloop.urls" or not path.startswith(_PREFIX) or method == "OPTIONS":
        return
    if 300 <= status < 400:  # redirects to https, and answers that haven't changed
        return
    template = _template(path)
    operation = _description().operation(method, template)
    if operation is None and method == "HEAD":
        operation = _description().operation("GET", template)
    if operation is None:
        _check_refusal(method, path, status, body)
        return
    operation.check_status(status)
    if status < 300 and _SECRETS.search(body) and headers.get("Cache-Control") != "no-store":
        raise DescriptionMismatch(f"{method} {template} answers secrets: return a SecretResponse.")
    if method != "HEAD":
        operation.check_body(status, headers.get("Content-Type", ""), body)
    if sent and 200 <= status < 300 and method in ("POST", "PUT", "PATCH", "DELETE"):
        operation.check_sent(method, sent)


class Description:
    """A document, closed against fields that it doesn't describe; validators are compiled when needed."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = close_shapes(copy.deepcopy(document))
        self._operations: dict[tuple[str, str], Operation | None] = {}
        self._validators: dict[str, Draft202012Validator] = {}

    def operation(self, method: str, template: str) -> "Operation | None":
        key = (method, template)
        if key not in self._operations:
            described = self._document["paths"].get(template, {}).get(method.lower())
            self._operations[key] = described and Operation(f"{method} {template}", described, self)
        return self._operations[key]

    def validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        """Return the validator of a schema of an answer or a body, which mostly is a reference."""
        key = schema.get("$ref") or repr(schema)
        if key not in self._validators:
            root = {**schema, "components": {"schemas": self._document["components"]["schemas"]}}
            self._validators[key] = Draft202012Validator(root, validate_formats=True)
        return self._validators[key]

    def allow(self, enum: str, *values: str) -> None:
        allowed = self._document["components"]["schemas"][enum]["enum"]
        if missing := [value for value in values if value not in allowed]:
            allowed.extend(missing)
            self._validators.clear()

    def response(self, described: dict[str, Any]) -> dict[str, Any]:
        """Return a response, or the shared one that it refers to."""
        if "$ref" in described:
            name = described["$ref"].rsplit("/", 1)[-1]
            return cast(dict[str, Any], self._document["components"]["responses"][name])
        return described

    def error_validator(self) -> Draft202012Validator:
        return self.validator({"$ref": "#/components/schemas/ErrorResponse"})


class Operation:
    """One method of one path."""

    def __init__(self, name: str, described: dict[str, Any], description: Description) -> None:
        self.name = name
        self._described = described
        self._description = description

    def check_status(self, status: int) -> None:
        if str(status) not in self._described["responses"] and status not in _ANYWHERE:
            listed = ", ".join(self._described["responses"])
            raise DescriptionMismatch(
                f"{self.name} answered {status}, and its description lists only {listed}. Declare it at the"
                f" view: `responses={{200: …}} | refusals({status})`, or as a key if it isn't an error."
            )

    def check_body(self, status: int, content_type: str, body: bytes) -> None:
        where = f"{self.name} answered {status}"
        if str(status) not in self._described["responses"]:
            _validate(self._description.error_validator(), body, f"{where} with something else than an error")
            return
        described = self._description.response(self._described["responses"][str(status)])
        contents = described.get("content", {})
        content = contents.get("application/json")
        if content is None and contents:  # a file or a page
            if content_type.partition(";")[0] not in contents:
                listed = ", ".join(contents)
                raise DescriptionMismatch(f"{where} with the type {content_type!r} instead of {listed}.")
        elif content is None:
            if body:
                raise DescriptionMismatch(f"{where} with a body, and its description has none.")
        elif content_type != "application/json":
            raise DescriptionMismatch(f"{where} with the type {content_type!r} instead of application/json.")
        else:
            validator = self._description.validator(content["schema"])
            _validate(validator, body, f"{where} with a body that is not as described")

    def check_sent(self, method: str, sent: bytes) -> None:
        media_types = self._described.get("requestBody", {}).get("content", {})
        if content := media_types.get("application/json"):
            validator = self._description.validator(content["schema"])
            _validate(validator, sent, f"{self.name} accepted a body that is not as described")
        elif not media_types and method != "DELETE" and sent.strip() not in (b"{}", b"null"):
            raise DescriptionMismatch(
                f"{self.name} accepted a body, and its description has none: {sent[:200]!r}."
                " Declare `request=…Input` at the view, or refuse the body with `NoInput`."
            )


def allow_in_tests(enum: str, *values: str) -> None:
    """Let a described enum have values that only tests declare."""
    _description().allow(enum, *values)


def close_shapes(schema: Any) -> Any:
    """Refuse undescribed fields in each object of a document, except where it says which others may come."""
    if isinstance(schema, list):
        for each in schema:
            close_shapes(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
        for name, each in schema.items():
            if name not in ("example", "examples"):
                close_shapes(each)
    return schema


@lru_cache(maxsize=1)
def _description() -> Description:
    return Description(openapi_document())


@lru_cache(maxsize=4096)
def _template(path: str) -> str:
    """Return the description's name of a path, such as `/api/v1/offers/{offer_id}`; "" for an unknown one."""
    try:
        match = resolve(path, "soukloop.urls")
    except Resolver404:
        return ""
    if getattr(match.func, "view_class", None) is UnknownUrl:
        return ""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", match.route)


def _check_refusal(method: str, path: str, status: int, body: bytes) -> None:
    """Check the answer to a request that no operation describes: it must be refused, in the envelope."""
    name = f"{method} {path}"
    if status < 400:
        raise DescriptionMismatch(f"{name} answered {status}, and /openapi.json has no such operation.")
    if method != "HEAD":
        _validate(
            _description().error_validator(),
            body,
            f"{name} answered {status} with a body that isn't an error's",
        )


def _validate(validator: Draft202012Validator, body: bytes, what: str) -> None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DescriptionMismatch(f"{what}: it is not JSON: {body[:200]!r}") from error
    if validator.is_valid(value):
        return
    problems = [problem for error in validator.iter_errors(value) for problem in _problems(error)]
    shown = "\n  ".join(problems[:_SHOWN_PROBLEMS])
    raise DescriptionMismatch(
        f"{what}:\n  {shown}\nMend the serializer that the view's `@extend_schema` names, or what is sent."
    )


def _problems(error: ValidationError) -> Iterator[str]:
    """Explain an error with its place in the body; of alternatives, what the closest one refuses."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    contexts = getattr(error.kind, "context", None)
    if contexts:
        closest = min(
            (context for context in contexts if context),
            key=lambda context: (-max(len(each.instance_path) for each in context), len(context)),
        )
        for each in closest:
            yield from _problems(each)
        return
    message = error.message if len(error.message) < 300 else f"{error.message[:300]}…"
    yield f"body{place}: {message}"


@pytest.fixture(scope="session", autouse=True)
def answers_are_as_described() -> Iterator[None]:
    """Check what Django's and DRF's test clients are answered, and httpx's clients of running servers."""
    patch = pytest.MonkeyPatch()
    patch.setattr(ClientHandler, "__call__", _checked_call(ClientHandler.__call__))
    patch.setattr(AsyncClientHandler, "__call__", _checked_async_call(AsyncClientHandler.__call__))
    patch.setattr(httpx.Client, "send", _checked_send(httpx.Client.send))
    yield
    patch.undo()


def _checked_call(call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: ClientHandler, environ: dict[str, Any]) -> Any:
        sent = None
        payload = environ.get("wsgi.input")
        if isinstance(payload, FakePayload) and "multipart" not in environ.get("CONTENT_TYPE", ""):
            sent = payload.read()
            environ["wsgi.input"] = FakePayload(sent)
        response = call(self, environ)
        if not response.streaming:
            check_answer(
                response.wsgi_request.method,
                response.wsgi_request.path,
                status=response.status_code,
                headers=response.headers,
                body=_content(response),
                sent=sent,
            )
        return response

    return checked


def _checked_async_call(call: Callable[..., Any]) -> Callable[..., Any]:
    async def checked(self: AsyncClientHandler, scope: dict[str, Any]) -> Any:
        response = await call(self, scope)
        if not response.streaming:
            check_answer(
                response.asgi_request.method,
                response.asgi_request.path,
                status=response.status_code,
                headers=response.headers,
                body=_content(response),
            )
        return response

    return checked


def _content(response: HttpResponse) -> bytes:
    is_compressed = response.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(response.content) if is_compressed else response.content


def _checked_send(send: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
    def checked(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        response = send(self, request, **options)
        if response.is_stream_consumed and request.url.host == "127.0.0.1":
            is_json = request.headers.get("Content-Type", "").startswith("application/json")
            check_answer(
                request.method,
                request.url.path,
                status=response.status_code,
                headers=response.headers,
                body=response.content,
                sent=request.content if is_json else None,
            )
        return response

    return checked
