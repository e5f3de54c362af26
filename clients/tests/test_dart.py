"""The Dart package by its shape, since no Dart toolchain is to be had here."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from clients.generate.dart_types import RESERVED, member_name
from clients.generate.descriptions import RestDescription, pascal, rest_description, socket_description
from clients.tests.conftest import CLIENTS
from clients.tests.dart_source import assert_balanced, tokens_of
from soukloop import __version__

PACKAGE = CLIENTS / "dart"
FILES = sorted((PACKAGE / "lib").rglob("*.dart"))
API = (PACKAGE / "lib/src/generated/api.dart").read_text()
MODELS = (PACKAGE / "lib/src/generated/models.dart").read_text()
DECLARED = re.compile(r"^(?:abstract interface )?(?:class|enum|typedef) (\w+)", re.MULTILINE)
# Of dart:core, dart:async, dart:convert, dart:math and the three packages.
FOREIGN = {
    name
    for line in (
        "BaseRequest Client ClientException Completer DateTime Duration Exception",
        "FormatException Function Future Iterable List Map MapEntry MultipartFile",
        "MultipartRequest Object OptionBuilder Random RegExp Request Response Set Socket",
        "Stream StreamController StreamSubscription String TimeoutException Timer TypeError Uri Uuid",
    )
    for name in line.split()
}


@pytest.fixture(scope="module")
def rest() -> RestDescription:
    return rest_description()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_made_of_tokens_and_balanced(path: Path) -> None:
    assert_balanced(tokens_of(path.read_text()))


def test_every_operation_is_a_method_and_every_schema_a_type(rest: RestDescription) -> None:
    methods = re.findall(r"^  Future<.+> (\w+)\(", API, re.MULTILINE)
    assert sorted(methods) == sorted(member_name(each.name) for each in rest.operations)
    declared = DECLARED.findall(MODELS)
    named = {pascal(name) for name, schema in rest.schemas.items() if {"enum", "properties"} & set(schema)}
    assert named <= set(declared)
    assert max(Counter(declared).values()) == 1


def test_every_type_that_is_used_exists() -> None:
    sources = [path.read_text() for path in FILES]
    declared = {name for source in sources for name in DECLARED.findall(source)}
    for source in sources:
        used = {text for kind, text in tokens_of(source) if kind == "word" and re.match(r"[A-Z][a-z]", text)}
        assert used - declared - FOREIGN == set()


def test_no_two_files_declare_the_same_type() -> None:
    exported = [path for path in FILES if path.name != "events.dart"]
    declared = Counter(name for path in exported for name in DECLARED.findall(path.read_text()))
    assert [name for name, times in declared.items() if times > 1] == []


def test_no_field_parameter_or_value_has_a_reserved_name() -> None:
    fields = re.findall(r"^  final .+ (\w+);$", MODELS, re.MULTILINE)
    values = re.findall(r"^  (\w+)\('", MODELS, re.MULTILINE)
    parameters = re.findall(r"[?>\w] (\w+)[,)}]", API)
    assert len(fields) > 300
    assert set(fields + values + parameters) & RESERVED == set()


def test_constructors_readers_and_writers_name_every_field_once() -> None:
    bodies = re.findall(r"^class (\w+) \{(.*?)^\}", MODELS, re.MULTILINE | re.DOTALL)
    assert len(bodies) > 80
    for name, body in bodies:
        fields = [each for each in re.findall(r"^  final .+ (\w+);$", body, re.MULTILINE) if each != "nulls"]
        constructor = body[body.index(f"const {name}(") : body.index(");")]
        reader = body[body.index("fromJson(") : body.index("toJson()")]
        parameters = [each for each in re.findall(r"this\.(\w+)", constructor) if each != "nulls"]
        read = re.findall(r"^        (\w+): ", reader, re.MULTILINE)
        written = re.findall(
            r"^        (?:if \(\w+ != null\) )?'", body[body.index("toJson()") :], re.MULTILINE
        )
        assert fields == parameters == read, name
        assert len(written) == len(fields), name


def test_names_of_events_and_commands_are_those_of_the_description() -> None:
    source, sockets = (PACKAGE / "lib/src/generated/events.dart").read_text(), socket_description()
    names = [name for name, _, _ in sockets.events()] + [name for name, _, _, _ in sockets.commands()]
    assert [name for name in names if f"  '{name}',\n" not in source] == []
    used = set(re.findall(r"[(\s]'(\w+:\w+)'[,:]", (PACKAGE / "lib/src/socket.dart").read_text()))
    assert used <= set(names)


def test_imports_lead_to_files_and_to_dependencies() -> None:
    pubspec = yaml.safe_load((PACKAGE / "pubspec.yaml").read_text())
    assert pubspec["version"] == __version__
    for path in FILES:
        for name in re.findall(r"^(?:import|export) '([^']+)'", path.read_text(), re.MULTILINE):
            if name.startswith("package:"):
                assert name.removeprefix("package:").partition("/")[0] in pubspec["dependencies"]
            elif not name.startswith("dart:"):
                assert (path.parent / name).exists(), name
