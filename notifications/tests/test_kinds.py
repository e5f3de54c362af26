"""Every kind's texts in both languages, and the page that lists them."""

import re
from typing import Any

import pytest
from django.conf import settings

from notifications.documents import PAGE, with_kinds
from notifications.kinds import KINDS, Kind, declare_kind
from notifications.models import Notification
from notifications.texts import Text, link_of, render
from soukloop.core.domain import domain_apps

NUMBERS = (0, 1, 2, 3, 11, 100)  # one for each of the six plural forms of Arabic
LATIN_NAMES = {"H", "AAC", "AED"}
ARABIC, LATIN = re.compile("[\u0621-\u064a]"), re.compile("[A-Za-z]+")
ISOLATED = re.compile("\u2068(.*?)\u2069")

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def texts_of(kind: Kind, language: str) -> list[Text]:
    """Render a kind with each label and number, and with no letters in its values."""
    return [render(kind.name, params, language) for params in _variants(kind)]


def _variants(kind: Kind) -> list[dict[str, Any]]:
    variants: list[dict[str, Any]] = [{}]
    for name, value in kind.example_params.items():
        match value:
            case {"label": _}:
                choices: list[Any] = [{"label": label} for label in kind.labels]
            case int():
                choices = list(NUMBERS)
            case str():
                # A value that may be a text or a label, such as "Sent a picture".
                choices = ["123", *({"label": label} for label in kind.labels)]
            case _:
                choices = [value]
        variants = [variant | {name: choice} for variant in variants for choice in choices]
    return variants


@every_kind
def test_each_kind_has_both_languages_in_every_form(kind: Kind) -> None:
    pairs = zip(texts_of(kind, "en"), texts_of(kind, "ar"), strict=True)
    for english, arabic in pairs:
        for en, ar in zip(english, arabic, strict=True):
            assert not ARABIC.search(en)
            if set(LATIN.findall(en)) - LATIN_NAMES:
                assert ARABIC.search(ar), en
                assert not set(LATIN.findall(ar)) - LATIN_NAMES, ar
        assert english.title


@every_kind
def test_values_inside_a_sentence_are_isolated_from_its_direction(kind: Kind) -> None:
    for language in ("en", "ar"):
        for text, template in zip(
            render(kind.name, kind.example_params, language), (kind.title, kind.body), strict=True
        ):
            inside = set(ISOLATED.findall(text))
            for name, value in kind.example_params.items():
                is_alone = str(template) == f"%({name})s"
                if isinstance(value, str) and f"%({name})s" in str(template) and not is_alone:
                    assert value in inside


@every_kind
def test_each_kind_has_a_link_and_a_collapse_key_from_its_data(kind: Kind) -> None:
    assert "{" not in kind.path_for(kind.example_data) + kind.key_for(kind.example_data)
    assert 0 < len(kind.key_for(kind.example_data).encode()) <= 64, "a limit of Apple's"
    assert all(re.fullmatch("[a-z][a-z_]*", name) for name in kind.example_data), "one style of names"
    assert kind.push_delay < kind.expires_after


def test_each_kind_is_declared_by_an_app_that_lists_it_for_settings() -> None:
    modules = {kind.name for kind in KINDS.values() if str(kind.label)}
    assert modules == set(KINDS)
    assert {app.name for app in domain_apps()} >= {"chat", "offers", "listings", "livestream"}


def test_each_kind_reaches_people_outside_the_app() -> None:
    assert [kind.name for kind in KINDS.values() if not kind.is_pushed and not kind.is_mandatory] == []
    assert {kind.name for kind in KINDS.values() if not kind.is_pushed} == {
        "account_reopened",
        "password_changed",
    }


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        declare_kind(next(iter(KINDS.values())))


def test_amounts_and_times_are_written_as_the_language_does(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Kind(
        name="sale_at",
        label="",
        when="",
        title="%(price)s",
        body="%(at)s",
        link="",
        collapse_key="",
        example_params={},
        example_data={},
    )
    monkeypatch.setitem(KINDS, kind.name, kind)
    params = {"price": {"amount": "750.00", "currency": "AED"}, "at": {"at": "2026-11-27T16:30:00Z"}}
    assert render(kind.name, params, "en", time_zone="Asia/Dubai") == ("AED 750.00", "27 Nov 2026, 20:30")
    title, body = render(kind.name, params, "ar", time_zone="Europe/London")
    assert title.replace("\u2068", "").replace("\u2069", "") == "750.00 د.إ."
    assert body == "27 نوفمبر 2026، 16:30"


def test_a_name_cannot_turn_the_text_around_it() -> None:
    params = {
        "actor": "\u202e@evil\u2069\u2067",
        "price": {"amount": "1.00", "currency": "AED"},
        "product": "x",
    }
    title = render("offer_new", params, "en").title
    assert title == "\u2068@evil\u2069 offers \u2068AED 1.00\u2069"


def test_a_long_value_is_cut_and_its_isolate_is_closed() -> None:
    params = {"actor": "@" + "ن" * 400, "price": {"amount": "1.00", "currency": "AED"}, "product": "x"}
    title = render("offer_new", params, "ar").title
    assert len(title) <= 200
    assert title.endswith("…\u2069")
    assert title.count("\u2068") == title.count("\u2069")


def test_notifications_from_before_the_templates_keep_their_texts() -> None:
    params = {"title": "@noura is live", "body": "Drop"}
    assert render("stream_live", params, "ar") == ("@noura is live", "Drop")
    assert link_of(Notification(kind="stream_live", data={})) == "soukloop://notifications"


def test_the_page_of_kinds_is_current() -> None:
    page = (settings.BASE_DIR / PAGE).read_text()
    assert page == with_kinds(page), "run: python manage.py notification_docs"
