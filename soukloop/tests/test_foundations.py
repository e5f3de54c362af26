"""The foundations (`soukloop.core`, `soukloop.realtime`) name no app of the product."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from soukloop.core.domain import domain_apps

ROOT = Path(settings.BASE_DIR) / "soukloop"
FILES = [
    path
    for folder in ("core", "realtime")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not {"tests", "testing", "migrations"} & set(path.relative_to(ROOT).parts)
]


def references(tree: ast.AST) -> set[str]:
    """Return the dotted names that a module imports or holds in strings, docstrings excepted."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module)):
                found.add(module)
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                found.add(text)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_of_the_foundations_names_no_app(path: Path) -> None:
    apps = {app.name for app in domain_apps()}
    assert len(apps) >= 6
    named = {text for text in references(ast.parse(path.read_text())) if text.split(".")[0] in apps}
    assert not named
