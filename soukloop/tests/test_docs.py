"""The pages a reader is sent to exist, and say what the code says."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
APPS = ["soukloop", "accounts", "notifications", "listings", "chat", "offers", "livestream"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def sources() -> list[Path]:
    return [path for app in APPS for path in (ROOT / app).rglob("*.py") if "tests" not in path.parts]


def error_codes() -> set[Any]:
    """Return each `code="…"` given to an error, and each error class' own."""
    codes: set[Any] = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in _ERRORS or name.endswith("Error"):
                    codes |= {
                        word.value.value
                        for word in node.keywords
                        if word.arg == "code" and isinstance(word.value, ast.Constant)
                    }
            if isinstance(node, ast.ClassDef) and path.name == "errors.py":
                for line in node.body:
                    if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "code":
                        assert isinstance(line.value, ast.Constant)
                        codes.add(line.value.value)
    return codes


_ERRORS = {
    node.name
    for node in ast.walk(ast.parse((ROOT / "soukloop/core/errors.py").read_text()))
    if isinstance(node, ast.ClassDef)
}


def test_errors_page_explains_each_code_that_is_raised_and_no_other() -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/errors.md").read_text(), re.M))
    assert error_codes() - explained == set()
    assert explained - error_codes() == set()


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_module_says_in_its_first_line_what_belongs_in_it(path: Path) -> None:
    if path.name in ("__init__.py", "apps.py") or "migrations" in path.parts:
        return
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "no docstring"


def test_no_page_or_source_names_a_path_of_one_machine() -> None:
    for path in [*PAGES, *sources()]:
        assert "/work/" not in path.read_text(), path
