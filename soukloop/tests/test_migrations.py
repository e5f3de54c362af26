"""New migrations let processes of the version before run on, as docs/operations.md says."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models.functions import Now

from soukloop.core.domain import domain_apps
from soukloop.tests.unsafe_migrations import Finder

# The last migration of each app in the last release. A release moves it on: see CONTRIBUTING.md.
RELEASED: dict[str, str] = json.loads((Path(__file__).parent / "released_migrations.json").read_text())

SMALL_TABLES = frozenset({"listings_category"})

# App and migration, with the beginning of its operation's description → why old processes bear it.
ALLOWED = {
    "accounts.0012_ratings: Create constraint user_rating": "new columns; a million rows take a second",
    "offers.0003_purchases_and_states_of_sales: Create index transaction_by_expiry": "one row for each sale",
    "offers.0003_purchases_and_states_of_sales: Create constraint transaction_": "one row for each sale",
}


def ours(app: str) -> bool:
    return app in {config.label for config in domain_apps()} | {"core", "realtime"}


def test_new_migrations_are_borne_by_processes_of_the_version_before() -> None:
    loader = MigrationLoader(None)
    finder, found = Finder(small_tables=SMALL_TABLES), []
    for app, name in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True):
        migration = loader.graph.nodes[app, name]
        if ours(app) and name > RELEASED.get(app, ""):
            found += finder.check(migration)
        else:
            finder.apply(migration)
    refused = [text for text in found if not any(text.startswith(allowed) for allowed in ALLOWED)]
    assert not refused, (
        "While a release is deployed, processes of the version before run on with the new tables. This would"
        " break them, or stop them for a while (docs/operations.md, Migrations):\n" + "\n".join(refused)
    )
    unused = [allowed for allowed in ALLOWED if not any(text.startswith(allowed) for text in found)]
    assert not unused, "remove from ALLOWED what is found no more"


def test_released_migrations_exist() -> None:
    known = MigrationLoader(None).disk_migrations
    assert {item for item in RELEASED.items() if item not in known} == set()


OLD_MODEL = migrations.CreateModel(
    "Thing",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20)),
        ("note", models.CharField(max_length=20, null=True)),
        ("size", models.IntegerField(db_default=0)),
    ],
)
NAME_INDEX = models.Index("name", name="by_name")
SIZE_CHECK = models.CheckConstraint(condition=models.Q(size__gte=0), name="size_min")


def problems_of(*operations: Any, released: Any = (OLD_MODEL,)) -> list[str]:
    finder = Finder(small_tables=frozenset({"shop_small"}))
    finder.apply(migration("0001_old", released))
    return finder.check(migration("0002_new", operations))


def migration(name: str, operations: Iterable[Operation]) -> migrations.Migration:
    kind = type("Migration", (migrations.Migration,), {"operations": list(operations)})
    return cast(migrations.Migration, kind(name, "shop"))


@pytest.mark.parametrize(
    ("operation", "instead"),
    [
        (migrations.RemoveField("thing", "note"), "SeparateDatabaseAndState"),
        (migrations.RenameField("thing", "note", "remark"), "Add the new one beside it"),
        (migrations.RenameModel("Thing", "Object"), "Add the new one beside it"),
        (migrations.AlterModelTable("thing", "object"), "Add the new one beside it"),
        (migrations.DeleteModel("thing"), "drop it in the release after"),
        (migrations.AddField("thing", "age", models.IntegerField(default=0)), "Give it db_default"),
        (
            migrations.AddField("thing", "age", models.IntegerField(null=True, db_index=True)),
            "AddIndexConcurrently",
        ),
        (
            migrations.AddField("thing", "code", models.IntegerField(null=True, unique=True)),
            "UNIQUE INDEX CONCURRENTLY",
        ),
        (
            migrations.AddField("thing", "of", models.ForeignKey("thing", models.CASCADE, null=True)),
            "db_index=False",
        ),
        (migrations.AlterField("thing", "note", models.CharField(max_length=20)), "Give it db_default"),
        (migrations.AlterField("thing", "size", models.IntegerField()), "Keep its db_default"),
        (migrations.AlterField("thing", "name", models.CharField(max_length=10)), "Add a field beside it"),
        (
            migrations.AlterField("thing", "size", models.BigIntegerField(db_default=0)),
            "Add a field beside it",
        ),
        (migrations.AddIndex("thing", NAME_INDEX), "AddIndexConcurrently"),
        (migrations.AddConstraint("thing", SIZE_CHECK), "AddConstraintNotValid"),
        (
            migrations.AddConstraint("thing", models.UniqueConstraint("name", name="name_once")),
            "UNIQUE INDEX CONCURRENTLY",
        ),
        (migrations.RunSQL("CREATE INDEX by_name ON shop_thing (name)"), "AddIndexConcurrently"),
        (migrations.RunSQL("ALTER TABLE shop_thing DROP COLUMN note"), "SeparateDatabaseAndState"),
        (
            migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("thing", "name")]),
            "processes of this version insert rows without it",
        ),
        (
            migrations.SeparateDatabaseAndState(
                database_operations=[migrations.RemoveField("thing", "note")]
            ),
            "drop it in the release after",
        ),
    ],
    ids=lambda value: value.describe() if hasattr(value, "describe") else "",
)
def test_an_unsafe_operation_is_found_and_the_message_says_what_to_do(operation: Any, instead: str) -> None:
    (problem,) = problems_of(operation)
    assert problem.startswith("shop.0002_new: ")
    assert instead in problem


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("thing", "age", models.IntegerField(null=True)),
        migrations.AddField("thing", "at", models.DateTimeField(db_default=Now())),
        migrations.AlterField("thing", "name", models.CharField(max_length=40)),
        migrations.AlterField("thing", "name", models.TextField()),
        migrations.AlterField("thing", "name", models.CharField(max_length=20, choices=[("a", "A")])),
        migrations.AlterField("thing", "note", models.CharField(max_length=20, db_default="")),
        migrations.AddField("thing", "others", models.ManyToManyField("thing")),
        AddIndexConcurrently("thing", NAME_INDEX),
        AddIndexConcurrently("thing", GinIndex("name", name="by_words")),
        AddConstraintNotValid("thing", SIZE_CHECK),
        ValidateConstraint("thing", "size_min"),
        migrations.RunSQL("CREATE UNIQUE INDEX CONCURRENTLY name_once ON shop_thing (name)"),
        migrations.RunSQL("UPDATE shop_thing SET name = upper(name)"),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("thing", "note")]),
    ],
    ids=lambda operation: operation.describe(),
)
def test_a_safe_operation_passes(operation: Any) -> None:
    assert problems_of(operation) == []


def test_a_table_of_the_same_release_may_be_changed_in_any_way() -> None:
    changes = [
        migrations.AddIndex("thing", NAME_INDEX),
        migrations.AddConstraint("thing", SIZE_CHECK),
        migrations.RunSQL(
            "CREATE INDEX by_size ON shop_thing (size); ALTER TABLE shop_thing RENAME size TO s"
        ),
        migrations.AddField("thing", "of", models.ForeignKey("thing", models.CASCADE)),
        migrations.RemoveField("thing", "note"),
    ]
    assert problems_of(OLD_MODEL, *changes, released=[]) == []


def test_a_small_table_may_be_given_an_index_but_no_required_field() -> None:
    small = migrations.CreateModel("Small", [("id", models.BigAutoField(primary_key=True))])
    assert problems_of(migrations.AddIndex("small", models.Index("id", name="x")), released=[small]) == []
    required = migrations.AddField("small", "age", models.IntegerField())
    assert len(problems_of(required, released=[small])) == 1
