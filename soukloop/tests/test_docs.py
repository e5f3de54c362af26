"""The documentation agrees with the code: links, error codes, contract cases, decisions, examples."""

import ast
import builtins
import os
import re
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from django.apps import apps
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from deploy.local.checks import HOOKS
from soukloop import __version__
from soukloop.core import errors
from soukloop.core.domain import domain_apps
from soukloop.core.error_codes import all_error_codes
from soukloop.realtime.commands import COMMANDS
from soukloop.realtime.error_codes import RealtimeErrorCode
from soukloop.realtime.events import EVENTS

ROOT = Path(settings.BASE_DIR)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
APPS = ["soukloop", *(app.label for app in domain_apps())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_linked_file_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def sources() -> list[Path]:
    return [
        path
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if "tests" not in path.relative_to(ROOT).parts
    ]


def raised_statuses() -> dict[str, set[int]]:
    """Return, for each error code, the statuses of the errors that are made with it."""
    statuses: dict[str, set[int]] = {kind.code: {kind.status} for kind in _ERRORS.values()}
    members = {f"{type(code).__name__}.{code.name}": code for code in all_error_codes()}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            for word in node.keywords:
                if name in _ERRORS and word.arg == "code":
                    code = ast.unparse(word.value)
                    assert code in members, f"{path}: give {name} a member of an ErrorCode, not {code}"
                    statuses.setdefault(members[code], set()).add(_ERRORS[name].status)
    return statuses


_ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.DomainError)
}
SENT_AS_EVENTS = {RealtimeErrorCode.SESSION_ENDED, RealtimeErrorCode.TOO_MANY_CONNECTIONS}


def test_errors_page_explains_each_error_code_with_its_statuses_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", (ROOT / "docs/errors.md").read_text(), re.M)
    assert sorted(code for code, _ in rows) == all_error_codes()
    raised = raised_statuses()
    for code, statuses in rows:
        if statuses == "–":  # over sockets alone
            assert raised.get(code, {400}) == {400}, code
        else:
            assert raised[code] == {int(status) for status in statuses.split(" or ")}, code


def test_each_error_code_is_raised_or_sent_somewhere_and_belongs_to_one_app() -> None:
    codes = all_error_codes()
    assert set(codes) == raised_statuses().keys() | SENT_AS_EVENTS
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_module_has_a_docstring(path: Path) -> None:
    if path.name in ("__init__.py", "apps.py") or "migrations" in path.parts:
        return
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "no docstring"


def test_no_page_or_source_names_a_path_of_one_machine() -> None:
    for path in [*PAGES, *sources()]:
        assert "/work/" not in path.read_text(), path


CASES = [
    *[f"1.{number}" for number in range(1, 8)],
    *[f"2.{number}" for number in range(1, 7)],
    *[f"3.{number}" for number in range(1, 9)],
    *[f"4.{number}" for number in range(1, 10)],
]


def test_contract_has_each_case_once_and_in_order() -> None:
    contract = (ROOT / "docs/contract.md").read_text()
    assert re.findall(r"^### (\d\.\d) ", contract, re.M) == CASES
    assert re.findall(r"^### Scenario (\d): ", contract, re.M) == ["1", "2", "3"]
    assert "\n## Load test\n" in contract


def test_each_case_that_the_code_cites_is_in_the_contract() -> None:
    cited = {case for path in sources() for case in re.findall(r"[Cc]ontract (\d\.\d)", path.read_text())}
    assert cited
    assert cited - set(CASES) == set()


def test_contract_names_only_operations_events_and_commands_that_exist() -> None:
    contract = (ROOT / "docs/contract.md").read_text()
    operations = {
        f"{method.upper()} {path}"
        for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
        for method in methods
    }
    requests = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /api/[^\s`?]+)", contract)
    assert requests
    assert set(requests) - operations == set()
    names = set(re.findall(r"`([a-z]+:[a-z]+)`", contract))
    assert names
    assert names - COMMANDS.keys() - EVENTS.keys() == set()


DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))


def test_decisions_are_numbered_without_gaps_and_their_folder_has_no_other_pages() -> None:
    others = {path.name for path in (ROOT / "docs/decisions").iterdir()} - {path.name for path in DECISIONS}
    assert others == {"README.md"}
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_decision_has_its_number_date_status_and_a_line_in_the_table(path: Path) -> None:
    heading, _, line = path.read_text().splitlines()[:3]
    number, title = re.fullmatch(r"# (\d+)\. (.+)", heading).groups()  # type: ignore[union-attr]
    assert int(number) == int(path.name[:4])
    found = re.fullmatch(r"Date: (\d{4}-\d\d-\d\d) · Status: (accepted|superseded by .+)", line)
    assert found, line
    row = f"| {number} | [{title}]({path.name}) | {found[1]} | {found[2]} |"
    assert row in (ROOT / "docs/decisions/README.md").read_text()


def test_site_builds_with_every_page_in_its_navigation_and_no_broken_links(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        fetched = re.findall(
            r"<(?:script|img|link)[^>]+(?:src|href)=\"((?:https?:)?//[^\"]+)", page.read_text()
        )
        assert fetched == [], page


def test_glossary_has_at_most_twelve_words_in_order() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs/glossary.md").read_text(), re.M)
    assert words == sorted(words)
    assert 0 < len(words) <= 12


@pytest.mark.parametrize("drawing", sorted((ROOT / "docs/images").glob("*.svg")), ids=lambda path: path.stem)
def test_drawing_supports_light_and_dark_mode_and_loads_no_files(drawing: Path) -> None:
    text = drawing.read_text()
    assert "prefers-color-scheme: dark" in text
    assert "<title" in text
    assert "<desc" in text
    assert re.findall(r"(?:href|url\()=?[\"']?https?:", text) == []


def test_changelog_has_an_unreleased_section_and_then_this_version() -> None:
    versions = re.findall(
        r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert versions[0] == ("Unreleased", "")
    assert versions[1][0] == __version__
    assert all(date for _, date in versions[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_make_command_that_a_page_names_is_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:`|^)(?:PORT=\d+ )?make ([a-z-]+)", page.read_text(), re.M))
    assert named - targets == set()


def test_make_check_and_commit_hooks_run_the_same_checks_from_one_list() -> None:
    config = yaml.safe_load(HOOKS.read_text())
    hooks = {hook["name"]: hook["entry"] for repo in config["repos"] for hook in repo["hooks"]}
    expected = [
        "ruff check",
        "ruff format",
        "mypy",
        "import contracts",
        "missing migrations",
        "deployment",
        "docs",
    ]

    assert HOOKS == ROOT / ".pre-commit-config.yaml"
    assert list(hooks) == expected
    assert all(".venv/bin/" in entry for entry in hooks.values())


def blocks_of(section: str) -> list[ast.AST]:
    """Parse a section's Python code blocks, including those that are an entry of a dictionary or list."""
    trees: list[ast.AST] = []
    for block in re.findall(r"```python\n(.*?)```", section, re.S):
        try:
            trees.append(ast.parse(textwrap.dedent(block)))
        except SyntaxError:
            trees.append(ast.parse("{" + block + "}"))
    return trees


_EXAMPLES = (
    "adding-a-feature.md",
    "new-app.md",
    "sockets-and-staff.md",
)  # they name files that a reader creates
_CREATED = ("pins", "saved_searches", "reviews/")


def names_defined_in(tree: ast.AST) -> set[str]:
    made: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                made.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                made.add(name)
    return made


def names_in_module(name: str) -> set[str]:
    try:
        return set(dir(import_module(name)))
    except ModuleNotFoundError:
        return set()


@pytest.mark.parametrize("page", _EXAMPLES)
def test_worked_example_uses_only_names_that_exist(page: str) -> None:
    sections = (ROOT / "docs" / page).read_text().split("\n## ")
    made = {name for section in sections for tree in blocks_of(section) for name in names_defined_in(tree)}
    made |= {
        Path(file).stem for file in re.findall(r"^## [^`\n]*`([\w/]+)\.py`", "\n## ".join(sections), re.M)
    }
    for section in sections:
        file = re.match(r"[^\n]*?`(\w+(?:/\w+)+)\.py`", section)
        known = made | set(dir(builtins)) | (names_in_module(file[1].replace("/", ".")) if file else set())
        for tree in blocks_of(section):
            for node in ast.walk(tree):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    known |= {alias.asname or alias.name for alias in node.names}
                if isinstance(node, ast.ImportFrom):
                    names = {alias.name for alias in node.names}
                    assert names - names_in_module(str(node.module)) - made == set(), node.module
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            assert used - known == set(), section.splitlines()[0]


def test_data_model_lists_each_table_and_names_only_functions_that_exist() -> None:
    page = (ROOT / "docs/data-model.md").read_text()
    ours = [app for app in apps.get_app_configs() if app.name.partition(".")[0] in APPS]
    tables = {model._meta.db_table for app in ours for model in app.get_models()}
    assert set(re.findall(rf"`((?:{'|'.join(app.label for app in ours)})_\w+)`", page)) == tables
    functions = re.findall(r"`((?:\w+\.)+\w+)`", page)
    assert functions
    for function in functions:
        module, _, name = function.rpartition(".")
        assert name in names_in_module(module), function


def test_operations_page_says_of_each_table_how_long_its_rows_are_kept() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    section = page.split("\n## Retention\n")[1].split("\n## ")[0]
    listed = [
        name
        for cells in re.findall(r"^\| (`.+?) \|", section, re.M)
        for name in re.findall(r"`(\w+)`", cells)
    ]
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert tables - set(listed) == set(), "add them to the table of Retention in docs/operations.md"
    assert sorted(listed) == sorted(tables)


_FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|yml|yaml|toml|json|conf|template|js|svg))`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    places = [ROOT, ROOT / "soukloop", *(ROOT / app.name for app in domain_apps())]
    for name in _FILE.findall(page.read_text()):
        made_by_reader = page.name in _EXAMPLES and any(part in name for part in _CREATED)
        assert made_by_reader or any((place / name).exists() for place in places), name


def test_each_page_that_the_code_names_exists() -> None:
    for path in [path for app in APPS for path in (ROOT / app).rglob("*.py")]:
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text()):
            assert (ROOT / name).exists(), f"{path}: {name}"
