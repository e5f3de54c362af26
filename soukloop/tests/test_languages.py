"""Which language an answer is in, over REST, fast reads and sockets, and that requests don't mix."""

import asyncio
import json
from typing import Any

import pytest
from django.test import AsyncClient
from django.utils import translation

from accounts.tests.factories import client_for, make_user
from accounts.tokens import access_token_for
from soukloop.core.errors import Conflict, RateLimited, duration_words
from soukloop.core.fast_reads.application import FastReads
from soukloop.core.fast_reads.routes import collect_routes
from soukloop.core.http.envelope import error_body
from soukloop.core.http.languages import requested_language

ME = "/api/v1/auth/me"
SEARCH = "/api/v1/search"
NOT_AUTHENTICATED = {"en": "Authentication is required.", "ar": "يجب تسجيل الدخول أولًا."}
INVALID = {"en": "Some fields are missing or invalid.", "ar": "بعض الحقول ناقصة أو غير صحيحة."}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ar-AE,ar;q=0.9,en;q=0.8", "ar"),
        ("en-GB,ar;q=0.9", "en"),
        ("ar, en", "ar"),
        ("en, ar", "en"),
        ("fr, en;q=0.5, ar;q=0.7", "ar"),
        ("en;q=0, ar;q=0.1", "ar"),
        ("AR", "ar"),
        ("fr", None),
        ("*", None),
        ("ar;q=0", None),
        ("", None),
        ("arabic", None),
    ],
)
def test_the_language_that_is_asked_for_is_the_preferred_one_of_ours(
    header: str, language: str | None
) -> None:
    assert requested_language(header) == language


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("account", "header", "language"),
    [
        ("en", "", "en"),
        ("ar", "", "ar"),
        ("ar", "fr", "ar"),
        ("ar", "en", "en"),
        ("en", "ar-AE", "ar"),
    ],
)
def test_an_answer_is_in_the_language_of_the_request_or_else_of_the_account(
    account: str, header: str, language: str
) -> None:
    client = client_for(make_user(language=account))
    answer = client.patch(ME, {"language": "fr"}, headers={"Accept-Language": header})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == INVALID[language]
    assert answer.json()["error"]["code"] == "validation_error"
    assert answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(
    ("path", "status"), [(ME, 401), ("/api/v1/nothing", 404), ("/api/v1/search?q=%00", 400)]
)
def test_errors_before_a_view_is_called_are_in_the_language_of_the_request(
    client: Any, path: str, status: int, language: str
) -> None:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == status
    assert answer["Content-Language"] == language
    assert answer.json()["error"]["message"].isascii() == (language == "en")


@pytest.mark.django_db
def test_a_request_leaves_no_language_behind(client: Any) -> None:
    client.get(ME, headers={"Accept-Language": "ar"})
    assert client.get(ME).json()["error"]["message"] == NOT_AUTHENTICATED["en"]
    client_for(make_user(language="ar")).get(ME)
    assert translation.get_language() == "en"


@pytest.mark.django_db(transaction=True)
def test_simultaneous_requests_in_two_languages_do_not_mix() -> None:
    """Through the middleware and the threads of views, as on a server."""
    languages = ["ar", "en"] * 20
    people = {language: access_token_for(make_user(language=language)) for language in ("ar", "en")}

    async def ask(language: str, headers: dict[str, str]) -> tuple[str, str]:
        answer = await AsyncClient().patch(
            ME, {"language": "fr"}, content_type="application/json", headers=headers
        )
        return answer["Content-Language"], answer.json()["error"]["message"]

    async def ask_all() -> list[tuple[str, str]]:
        accounts = [{"Authorization": f"Bearer {people[language]}"} for language in languages]
        return await asyncio.gather(*map(ask, languages, accounts))

    answers = asyncio.run(ask_all())
    assert answers == [(language, INVALID[language]) for language in languages]


async def ask_fast_reads(app: FastReads, query: str, headers: dict[str, str]) -> tuple[Any, dict[str, str]]:
    sent: list[dict[str, Any]] = []
    names = {"host": "localhost", **headers}
    scope = {
        "type": "http",
        "method": "GET",
        "path": SEARCH,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
        "client": ("127.0.0.1", 5),
        "scheme": "http",
    }

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, None, send)  # type: ignore[arg-type]
    return json.loads(sent[1]["body"]), {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.django_db(transaction=True)
def test_simultaneous_fast_reads_in_two_languages_do_not_mix() -> None:
    tokens = {language: access_token_for(make_user(language=language)) for language in ("ar", "en")}

    async def ask_all() -> list[Any]:
        app = FastReads(None, collect_routes())  # type: ignore[arg-type]
        try:
            return await asyncio.gather(
                *(
                    ask_fast_reads(app, "sort=x", headers)
                    for language in ("ar", "en")
                    for headers in [
                        {"accept-language": language},
                        {"authorization": f"Bearer {tokens[language]}"},
                    ]
                    * 5
                )
            )
        finally:
            await app.close()

    answers = asyncio.run(ask_all())
    for language, answer in zip(["ar"] * 10 + ["en"] * 10, answers, strict=True):
        body, headers = answer
        assert body["error"]["message"] == INVALID[language]
        assert headers["content-language"] == language
        assert headers["vary"] == "Accept-Language"


def test_a_message_is_put_into_the_language_in_which_it_is_rendered_with_its_values() -> None:
    error = RateLimited(retry_after=200)
    with translation.override("ar"):
        assert error_body(error)["error"] == {
            "code": "rate_limited",
            "message": "عدد الطلبات كبير جدًا. حاول مرة أخرى بعد 4 دقائق.",
            "details": {"retry_after": 200},
        }
    assert error.message == "Too many requests. Try again in 4 minutes."


def test_a_log_has_a_message_in_english() -> None:
    with translation.override("ar"):
        assert str(Conflict()) == "The current state does not allow this."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "ثانية واحدة"),
        (2, "ثانيتين"),
        (5, "5 ثوانٍ"),
        (45, "45 ثانية"),
        (102, "102 ثانية"),
        (120, "دقيقتين"),
        (3600, "ساعة واحدة"),
        (3 * 3600 + 20 * 60, "3 ساعات و20 دقيقة"),
    ],
)
def test_durations_have_arabics_plurals(seconds: int, words: str) -> None:
    with translation.override("ar"):
        assert duration_words(seconds) == words
