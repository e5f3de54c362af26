"""The block rule: it applies both ways, and gives the same results in Python, the ORM and SQL."""

import ast
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection

from accounts.blocks import (
    blocked_between,
    blocked_between_sql,
    blocked_ids,
    blocked_ids_sql,
    is_blocked_between,
)
from accounts.models import User
from accounts.tests.factories import block, make_user
from soukloop.core.domain import domain_apps

NAMES = {"Block", "blocks_made", "blocks_received", "accounts_block"}
ALLOWED = {
    "accounts/models.py",
    "accounts/blocks.py",
    "accounts/services/deletion.py",  # removes the blocks of a deleted account
    "accounts/personal_data.py",  # exports those that a person made
    "accounts/services/relations.py",  # makes and removes them
}


def column(sql: str, *params: UUID) -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.django_db
def test_a_block_hides_both_ways() -> None:
    blocker, blocked, bystander = make_user(), make_user(), make_user()
    block(blocker, blocked)

    assert blocked_ids(blocker.pk) == {blocked.pk}
    assert blocked_ids(blocked.pk) == {blocker.pk}
    assert blocked_ids(bystander.pk) == set()
    assert is_blocked_between(blocker.pk, blocked.pk)
    assert is_blocked_between(blocked.pk, blocker.pk)
    assert not is_blocked_between(blocker.pk, bystander.pk)
    assert set(User.objects.exclude(blocked_between(blocked.pk, "pk"))) == {blocked, bystander}
    assert set(User.objects.exclude(blocked_between(blocker.pk, "pk"))) == {blocker, bystander}


@pytest.mark.django_db
def test_the_sql_gives_the_same_results_as_the_orm() -> None:
    people = [make_user() for _ in range(4)]
    block(people[0], people[1]), block(people[2], people[0]), block(people[3], people[2])
    between = f"SELECT u.id FROM accounts_user u WHERE {blocked_between_sql('u.id', '%s')}"  # noqa: S608
    for person in people:
        expected = blocked_ids(person.pk)
        assert set(column(between, person.pk, person.pk)) == expected
        assert set(column(blocked_ids_sql("%s"), person.pk, person.pk)) == expected
        assert (
            set(User.objects.filter(blocked_between(person.pk, "pk")).values_list("pk", flat=True))
            == expected
        )
        assert {other.pk for other in people if is_blocked_between(person.pk, other.pk)} == expected


def test_no_other_production_file_reads_or_writes_blocks() -> None:
    files = {
        path.relative_to(settings.BASE_DIR).as_posix(): path
        for folder in ("soukloop", *(app.label for app in domain_apps()))
        for path in (settings.BASE_DIR / folder).rglob("*.py")
        if not {"tests", "migrations"} & set(path.relative_to(settings.BASE_DIR).parts)
    }
    named = {name for name, path in files.items() if named_in(path) & NAMES}
    assert len(files) > 100
    assert {"accounts/models.py", "accounts/blocks.py"} <= named
    assert named <= ALLOWED


def named_in(path: Path) -> set[str]:
    """Return the names, attributes, imports, keywords and words of strings in a file, docstrings left out."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name)
        elif isinstance(node, ast.keyword) and node.arg:
            found.update(node.arg.split("__"))
        elif isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(word for word in NAMES - {"Block"} if word in node.value)
    return found
