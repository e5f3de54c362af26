"""Every text that a client can get is in the Arabic catalogue, complete, with its values and plural forms."""

import ast
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest

from soukloop.core import errors
from soukloop.tests.catalogue import CATALOGUE, ROOT, Entry, catalogue, extracted, parse, sources

HOW_TO_ADD = """

These texts have no Arabic translation. Add each to {catalogue}, and write its msgstr:

{entries}

Write as an app in the Gulf would, keep every %(name)s and {{name}}, and give six forms where a text has a
plural (for 0, 1, 2, 3 to 10, 11 to 99, 100); docs/languages.md says more. A text for staff or logs alone
isn't marked with gettext.
"""
ISOLATES = {"\u2066": 1, "\u2068": 1, "\u2069": -1}


def test_each_text_has_an_arabic_translation_and_the_catalogue_has_no_other() -> None:
    found = {_key(entry): entry for entry in extracted()}
    translated = {_key(entry): entry for entry in catalogue()}
    missing = [found[key] for key in sorted(found.keys() - translated.keys())]
    entries = "\n\n".join(map(_to_fill_in, missing))
    assert not missing, HOW_TO_ADD.format(catalogue=CATALOGUE.relative_to(ROOT), entries=entries)
    unused = sorted(translated.keys() - found.keys())
    assert not unused, f"No source has these texts any more, so remove them from the catalogue: {unused}"


def _key(entry: Entry) -> tuple[str, str, str]:
    return entry.context, entry.msgid, entry.plural


def _to_fill_in(entry: Entry) -> str:
    lines = [f"# {entry.place}", f'msgid "{_escaped(entry.msgid)}"']
    if "%(" in entry.msgid:
        lines.insert(1, "#, python-format")
    if not entry.plural:
        return "\n".join([*lines, 'msgstr ""'])
    lines.append(f'msgid_plural "{_escaped(entry.plural)}"')
    return "\n".join([*lines, *(f'msgstr[{form}] ""' for form in range(6))])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def test_each_translation_is_complete_and_keeps_the_values_of_its_text() -> None:
    assert {entry.msgid: list(problems_of(entry)) for entry in catalogue() if list(problems_of(entry))} == {}


def test_no_text_is_twice_in_the_catalogue() -> None:
    keys = Counter(_key(entry)[:2] for entry in catalogue())
    assert [key for key, count in keys.items() if count > 1] == []


def problems_of(entry: Entry) -> Iterator[str]:
    """Say what is wrong with a translation."""
    if "fuzzy" in entry.flags:
        yield "it is marked as fuzzy"
    if len(entry.translations) != (6 if entry.plural else 1):
        yield "a text with a plural has six forms in Arabic, another has one"
    values = _values(entry.plural or entry.msgid)
    for form, text in enumerate(entry.translations):
        if not text.strip() or text == entry.msgid:
            yield f"form {form} isn't translated"
        # The forms for one and two may have the number in words, that for none may say something else.
        may_lack = {value for value in values if entry.plural and form in (1, 2) and _is_number(value)}
        if entry.plural and form == 0:
            may_lack = set(values)
        if set(values - _values(text)) - may_lack or _values(text) - values:
            yield f"form {form} has other values"
        if re.search(r"%[sdif]", text) and not re.search(r"%[sdif]", entry.msgid):
            yield f"form {form} has a value without a name, which can't change its place"
        if sum(ISOLATES.get(letter, 0) for letter in text):
            yield f"form {form} opens a direction that it doesn't end"


def _values(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\(\w+\)[a-z]|\{\w*(?::[^}]*)?\}", text))


def _is_number(value: str) -> bool:
    return value.endswith("d") or value == "%(count)s"


def test_no_error_for_clients_is_made_with_a_text_that_is_not_translated() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{text.lineno}: mark the text with gettext_lazy"
        for path in sources()
        if path.name != "admin.py"
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and _name(call.func) in ERRORS
        for text in _texts_of(call)
        if isinstance(text, ast.JoinedStr) or (isinstance(text, ast.Constant) and isinstance(text.value, str))
    ]
    assert bare == []


ERRORS = {"ValidationError"} | {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.DomainError) and name != "Busy"  # also of pushes
}


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _texts_of(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the texts in an error's first argument and its details: alone, in lists, or by field."""
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "details")]
    for value in given:
        if isinstance(value, ast.Dict):
            for item in value.values:
                yield from item.elts if isinstance(item, ast.List) else []
        elif isinstance(value, ast.List):
            yield from value.elts
        elif value in call.args:
            yield value


def test_gettexts_own_check_of_the_catalogue_passes() -> None:
    command = ["msgfmt", "--check-format", "--statistics", "--output=/dev/null", str(CATALOGUE)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": os.defpath})
    assert "untranslated" not in result.stderr
    assert "fuzzy" not in result.stderr


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('#, fuzzy\nmsgid "Sold"\nmsgstr "بيع"', "it is marked as fuzzy"),
        ('msgid "Sold"\nmsgstr ""', "form 0 isn't translated"),
        ('msgid "Sold to %(name)s"\nmsgstr "بيع"', "form 0 has other values"),
        ('msgid "Sold to %(name)s"\nmsgstr "بيع إلى %(who)s"', "form 0 has other values"),
        (
            'msgid "%(count)d day"\nmsgid_plural "%(count)d days"\nmsgstr[0] "يوم"',
            "a text with a plural has six forms in Arabic, another has one",
        ),
        ('msgid "Sold"\nmsgstr "\u2066بيع"', "form 0 opens a direction that it doesn't end"),
    ],
)
def test_an_incomplete_translation_is_found(entry: str, problem: str) -> None:
    [parsed] = parse(entry)
    assert list(problems_of(parsed)) == [problem]
