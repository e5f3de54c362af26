"""Which language an answer is in, over REST, fast reads and sockets, and that requests don't mix."""

import asyncio
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import AsyncClient
from django.utils import translation

from accounts.models import OtpChallenge, User
from accounts.services import otp
from accounts.services.passwords import check_new_password
from accounts.tests.factories import client_for, make_seller, make_user
from accounts.tokens import access_token_for
from chat.models import Message
from listings.models import Category
from listings.tests.factories import make_product
from livestream.selectors.broadcasts import BroadcastState
from livestream.serializers.health import health_body, silence_body
from livestream.tests.factories import make_live_stream
from notifications.kinds import KINDS
from notifications.services.notify import notify
from offers.tests.factories import make_sale
from soukloop.core.error_codes import all_error_codes
from soukloop.core.errors import Conflict, RateLimited, ValidationFailed, duration_words
from soukloop.core.fast_reads.application import FastReads
from soukloop.core.fast_reads.routes import collect_routes
from soukloop.core.http.body_limit import BodyLimit
from soukloop.core.http.envelope import error_body
from soukloop.core.http.languages import requested_language
from soukloop.tests.shapes import shapes_of_requests

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


@pytest.mark.django_db
def test_validation_messages_of_the_libraries_are_in_the_language_of_each_request(client: Any) -> None:
    body = {"username": "falconry", "email": "x" * 300, "password": "falconry1", "role": "king"}
    problems = {
        language: client.post(
            "/api/v1/auth/register",
            body,
            content_type="application/json",
            headers={"Accept-Language": language},
        ).json()["error"]["details"]
        for language in ("en", "ar", "en")
    }
    assert problems["en"]["role"] == ['"king" is not a valid choice.']
    assert problems["ar"]["role"] == ["«\u2068king\u2069» ليس خيارًا صالحًا."]
    assert problems["en"].keys() == problems["ar"].keys()
    for messages in problems["ar"].values():
        assert all(re.search("[\u0600-\u06ff]", message) for message in messages), messages


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("a1", "كلمة المرور هذه قصيرة جدًا. يجب أن تحتوي على 8 أحرف على الأقل."),
        ("falconry1", "كلمة المرور قريبة جدًا من اسم المستخدم."),
        ("password", "كلمة المرور هذه شائعة جدًا."),
    ],
)
def test_weak_passwords_are_refused_in_arabic(password: str, message: str) -> None:
    with translation.override("ar"), pytest.raises(ValidationFailed) as caught:
        check_new_password(password, User(username="falconry"))
    assert caught.value.details == {"password": [message]}


def test_each_message_of_each_field_of_a_request_is_translated() -> None:
    with translation.override("ar"):
        for shape in shapes_of_requests():
            for field in fields_in(shape()):
                texts = [*field.error_messages.values()]
                texts += [getattr(validator, "message", "") for validator in field.validators]
                for text in filter(None, map(str, texts)):
                    assert re.search("[\u0600-\u06ff]", text), f"{shape}.{field.field_name}: {text}"


def fields_in(field: Any) -> Iterator[Any]:
    yield field
    for inner in [*getattr(field, "fields", {}).values(), getattr(field, "child", None)]:
        if inner is not None:
            yield from fields_in(inner)


@pytest.mark.django_db
def test_labels_prices_and_categories_are_in_the_language_of_the_answer(client: Any) -> None:
    product = make_product(price=Decimal("1850.00"), condition="like_new")
    query = f"q={product.title.split()[0]}&latitude=25.0772&longitude=55.1369"

    def ask(path: str, language: str) -> Any:
        return client.get(f"/api/v1/{path}", headers={"Accept-Language": language}).json()["data"]

    [card] = ask(f"search?{query}", "en")["items"]
    assert [card[name] for name in ("price_display", "condition_label", "distance_label")] == [
        "AED 1,850.00",
        "Like new",
        "Walking distance",
    ]
    found = ask(f"search?{query}", "ar")
    [card] = found["items"]
    assert [card[name] for name in ("price_display", "condition_label", "distance_label", "condition")] == [
        "1,850.00 د.إ.",
        "شبه جديد",
        "على مسافة مشي",
        "like_new",
    ]
    assert found["facets"]["conditions"] == [{"condition": "like_new", "label": "شبه جديد", "count": 1}]
    assert found["facets"]["price_ranges"][0]["label"] == "من 1000 إلى 2500 د.إ."
    assert ask(f"products/{product.pk}", "ar")["price_display"] == "1,850.00 د.إ."
    english, arabic = Category.objects.values_list("name", "name_ar").get(slug="sneakers")
    assert re.search("[\u0600-\u06ff]", arabic)
    for language, name in (("en", english), ("ar", arabic), ("en", english)):
        names = {category["slug"]: category["name"] for category in ask("categories", language)}
        assert names["sneakers"] == name  # although their numbers are cached


@pytest.mark.django_db
def test_a_code_is_sent_in_the_language_of_the_account(mailoutbox: Any) -> None:
    user = make_user(language="ar")
    with translation.override("en"):  # as the worker
        otp.send_code(identifier=str(user.email), ip="127.0.0.1")
        challenge = OtpChallenge.objects.get()
        otp.deliver_code(challenge_id=challenge.pk, nonce=challenge.nonce)
    assert mailoutbox[0].subject == "رمز Souk Loop الخاص بك"
    assert re.fullmatch(
        r"رمزك في Souk Loop هو [0-9]{6}. تنتهي صلاحيته بعد 10 دقائق. لا تشاركه مع أي شخص.", mailoutbox[0].body
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("get", "/api/v1/auth/me", None),
        ("get", "/api/v1/nothing", None),
        ("post", "/api/v1/auth/login", {"identifier": "nobody@example.com", "password": "x"}),
        ("post", "/api/v1/auth/register", {}),
        ("post", "/api/v1/auth/verify-otp", {"identifier": "a@example.com", "otp_code": "123456"}),
        ("get", "/api/v1/products/5e2f9c1a-0d3b-4c4e-9f66-2f1f0a7b8c9d", None),
        ("get", "/api/v1/categories/nothing", None),
        ("get", "/api/v1/search?sort=x", None),
        ("delete", "/api/v1/categories", None),
    ],
)
def test_codes_and_keys_are_the_same_in_every_language(
    client: Any, method: str, path: str, body: Any
) -> None:
    answers = {}
    for language in ("en", "ar"):
        answer = getattr(client, method)(
            path, body, content_type="application/json", headers={"Accept-Language": language}
        )
        error = answer.json()["error"]
        answers[language] = answer.status_code, error["code"], sorted(error["details"])
        assert error["message"].isascii() == (language == "en")
    assert answers["en"] == answers["ar"]


def test_codes_are_not_translated() -> None:
    with translation.override("ar"):
        assert all(str(code).isascii() and str(code) == code.value for code in all_error_codes())


@pytest.mark.django_db
def test_error_pages_are_in_the_language_of_the_browser_and_staffs_pages_in_english(client: Any) -> None:
    page = client.get("/nowhere", headers={"Accept-Language": "ar"})
    assert page.status_code == 404
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "الصفحة غير موجودة" in page.text
    assert '<html lang="en" dir="ltr">' in client.get("/nowhere").text
    assert "Content-Language" not in client.get("/admin/login/", headers={"Accept-Language": "ar"})


@pytest.mark.django_db
def test_notifications_are_listed_in_the_language_of_the_answer() -> None:
    user = make_user(language="ar")
    notify(
        user_ids=[user.pk],
        kind=KINDS["offer_expired"],
        params={"price": {"amount": "750.00", "currency": "AED"}, "product": "Nike"},
        data={"offer_id": "1", "product_id": "2", "conversation_id": "3"},
    )
    for header, word in (("", "عرضك"), ("en", "offer"), ("ar", "عرضك")):
        answer = client_for(user).get("/api/v1/notifications", headers={"Accept-Language": header})
        assert word in answer.json()["data"]["items"][0]["title"]


@pytest.mark.django_db
def test_messages_of_the_platform_are_in_the_language_of_each_reader() -> None:
    sale = make_sale(make_product(price=Decimal("1850.00")), price="1750.00")
    path = f"/api/v1/conversations/{sale.offer.conversation_id}/messages"
    for person, header, content in (
        (sale.buyer, "en", "Offer accepted: AED 1,750.00"),
        (sale.seller, "ar", "قُبل العرض: 1,750.00 د.إ."),
    ):
        answer = client_for(person).get(path, headers={"Accept-Language": header})
        last = answer.json()["data"]["items"][-1]
        assert (last["message_type"], last["content"]) == ("system", content)
        assert last["data"]["text"] == "offer_accepted"
        assert (last["data"]["price"], last["data"]["amount"]) == (1750.0, "1750.00")
        assert b'"price":1750.00' in answer.content
    assert Message.objects.filter(message_type="system").get().content == "Offer accepted: AED 1750.00"


def test_a_body_that_is_too_large_is_refused_in_the_language_of_the_request() -> None:
    headers = [(b"content-length", b"999999999"), (b"expect", b"100-continue"), (b"accept-language", b"ar")]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/auth/login", "headers": headers}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(BodyLimit(None)(scope, None, send))  # type: ignore[arg-type]
    assert json.loads(sent[1]["body"])["error"]["message"] == "محتوى الطلب كبير جدًا."
    assert (b"content-language", b"ar") in sent[0]["headers"]


@pytest.mark.django_db
def test_a_measurement_that_is_kept_in_redis_is_shown_in_the_language_of_each_request() -> None:
    stream = make_live_stream(seller=make_seller(language="ar"))
    broadcast = BroadcastState(has_encoder=True, has_picture=False, reconnect_by=None, refusal="")
    with translation.override("ar"):
        kept = silence_body()
    shown = health_body(stream, broadcast, kept, is_silent=False)
    assert shown["warnings"][0]["message"].startswith("Nothing arrives.")
