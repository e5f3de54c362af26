"""Finds operations of migrations that processes of the version before, which still run, don't bear.

django-migration-linter reads the SQL instead: it needs a database, and can't tell a new table from one that
is in use, nor a field that the code has already forgotten.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

_OLD_INSERTS = "processes of the version before insert rows without it"
_RENAMED = (
    "processes of the version before use the old name. Add the new one beside it, write both, copy the rows"
    " by a job, read the new one, and remove the old one in the release after"
)
_REMOVED = (
    "processes of the version before still read and write it. In this release remove it from the state alone"
    " (SeparateDatabaseAndState), once it is nullable or has a db_default; drop it in the release after"
)
_INDEX = "building it stops writes to the table. Use AddIndexConcurrently, in a migration with atomic = False"
_VALIDATED = (
    "checking all rows stops the table. Use AddConstraintNotValid, and ValidateConstraint in a"
    " migration after it"
)
_UNIQUE = (
    "building its index stops writes to the table. Create the index by RunSQL with CREATE UNIQUE INDEX"
    " CONCURRENTLY in a migration with atomic = False, and the constraint in the state alone"
)
_REWRITTEN = "it may write the whole table again, while it is locked. Add a field beside it"
_STATEMENTS = {
    r"\bDROP\s+(?:TABLE|COLUMN)\b": _REMOVED,
    r"\bRENAME\b": _RENAMED,
    r"\bSET\s+NOT\s+NULL\b": f"{_OLD_INSERTS}; give a default first",
    r"\bALTER\s+(?:COLUMN\s+)?\S+\s+(?:SET\s+DATA\s+)?TYPE\b": _REWRITTEN,
    r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)": _INDEX,
}
_ON_TABLE = re.compile(r"\b(?:ON|TABLE)\s+(?:ONLY\s+|IF\s+EXISTS\s+)?\"?(\w+)", re.I)


@dataclass
class Finder:
    """Walks over migrations in their order; knows which tables the migrations under check create."""

    small_tables: frozenset[str] = frozenset()
    """Tables so small that an index is built in no time."""

    state: ProjectState = field(default_factory=ProjectState)
    _new_tables: set[str] = field(default_factory=set)

    def apply(self, migration: migrations.Migration) -> None:
        """Take over the state that a released migration leaves."""
        for operation in migration.operations:
            operation.state_forwards(migration.app_label, self.state)

    def check(self, migration: migrations.Migration) -> list[str]:
        """Return what is unsafe in a migration, each with what to do instead, and take over its state."""
        found: list[str] = []
        for operation in migration.operations:
            name = f"{migration.app_label}.{migration.name}: {operation.describe()}"
            found += [f"{name}: {text}" for text in self._problems(migration.app_label, operation)]
            operation.state_forwards(migration.app_label, self.state)
        return found

    def _problems(self, app: str, operation: Operation) -> Iterator[str]:
        match operation:
            case migrations.SeparateDatabaseAndState():
                before = self.state.clone()
                for inner in operation.state_operations:
                    yield from self._forgotten(app, inner)
                for inner in operation.database_operations:
                    yield from self._problems(app, inner)
                    inner.state_forwards(app, self.state)
                self.state = before
            case migrations.CreateModel(name=name):
                self._new_tables.add(self._table_of(app, operation, name))
            case migrations.DeleteModel(name=name) if not self._is_new(app, name):
                yield _REMOVED
            case migrations.RenameModel(old_name=name) | migrations.AlterModelTable(name=name):
                if not self._is_new(app, name):
                    yield _RENAMED
            case migrations.RenameField(model_name=name) if not self._is_new(app, name):
                yield _RENAMED
            case migrations.RemoveField(model_name=name) if not self._is_new(app, name):
                yield _REMOVED
            case migrations.AddField(model_name=model) if not self._is_new(app, model):
                yield from self._added(app, model, operation.field)
            case migrations.AlterField(model_name=model, name=name) if not self._is_new(app, model):
                before_field = self._model(app, model).fields[name]
                yield from self._altered(app, model, before_field, operation.field)
            case AddIndexConcurrently() | AddConstraintNotValid():
                pass
            case migrations.AddIndex(model_name=model) if self._is_large(app, model):
                yield _INDEX
            case migrations.AddConstraint(model_name=model) if self._is_large(app, model):
                is_check = isinstance(operation.constraint, models.CheckConstraint)
                yield _VALIDATED if is_check else _UNIQUE
            case migrations.AlterUniqueTogether(name=model) | migrations.AlterIndexTogether(name=model):
                if self._is_large(app, model):
                    yield _UNIQUE
            case migrations.RunSQL():
                yield from self._statements(operation.sql)

    def _added(self, app: str, model: str, added: Any) -> Iterator[str]:
        if added.many_to_many:
            return  # a table of its own
        if added.generated:
            if added.db_persist and self._is_large(app, model):
                yield "the whole table is written again, while it is locked. Fill an ordinary field by a job"
            return
        if not added.null and added.db_default is NOT_PROVIDED:
            yield f"{_OLD_INSERTS}. Give it db_default, or null=True"
        yield from self._indexed(app, model, added)

    def _altered(self, app: str, model: str, before: Any, after: Any) -> Iterator[str]:
        if before.null and not after.null and after.db_default is NOT_PROVIDED:
            yield f"{_OLD_INSERTS}. Give it db_default"
        if before.db_default is not NOT_PROVIDED and after.db_default is NOT_PROVIDED and not after.null:
            yield f"{_OLD_INSERTS}. Keep its db_default until the release after"
        if after.is_relation or before.is_relation:
            if after.is_relation != before.is_relation or after.related_model != before.related_model:
                yield _REWRITTEN
        elif not _is_wider(before, after):
            yield (
                "its type or length changes: the table is locked while it is written again or checked, and"
                " processes of the version before write the old one. Add a field beside it"
            )
        if not (before.unique or before.db_index):
            yield from self._indexed(app, model, after)

    def _indexed(self, app: str, model: str, changed: Any) -> Iterator[str]:
        if self._is_large(app, model) and changed.unique:
            yield _UNIQUE
        elif self._is_large(app, model) and changed.db_index:
            yield (
                f"its index: {_INDEX[:-1]}, and db_index=False"
                if changed.is_relation
                else f"its index: {_INDEX}"
            )

    def _forgotten(self, app: str, operation: Operation) -> Iterator[str]:
        """What a removal from the state alone breaks: the new version's own inserts."""
        if not isinstance(operation, migrations.RemoveField):
            return
        removed: Any = self._model(app, operation.model_name).fields[operation.name]
        if not removed.null and removed.db_default is NOT_PROVIDED and not removed.many_to_many:
            yield "processes of this version insert rows without it. Give it db_default or null=True first"

    def _statements(self, sql: Any) -> Iterator[str]:
        parts = [sql] if isinstance(sql, str) else [one if isinstance(one, str) else one[0] for one in sql]
        for statement in ";".join(parts).split(";"):
            tables = set(_ON_TABLE.findall(statement))
            if tables and tables <= self._new_tables | self.small_tables:
                continue
            for pattern, text in _STATEMENTS.items():
                if re.search(pattern, statement, re.I):
                    yield text

    def _is_new(self, app: str, model: str) -> bool:
        return self._db_table(app, model) in self._new_tables

    def _is_large(self, app: str, model: str) -> bool:
        return self._db_table(app, model) not in self._new_tables | self.small_tables

    def _db_table(self, app: str, model: str) -> str:
        found = self._model(app, model)
        return str(found.options.get("db_table") or f"{app}_{found.name_lower}")

    def _table_of(self, app: str, operation: migrations.CreateModel, name: str) -> str:
        return str(operation.options.get("db_table") or f"{app}_{name.lower()}")

    def _model(self, app: str, model: str) -> Any:
        return self.state.models[app, model.lower()]


def _is_wider(before: Any, after: Any) -> bool:
    """Return whether a column keeps its type, or gets one that holds all that it held without rewriting."""
    if isinstance(before, models.CharField) and isinstance(after, models.CharField):
        return after.max_length is None or (before.max_length or 10**9) <= after.max_length
    if isinstance(before, models.CharField) and isinstance(after, models.TextField):
        return True
    return bool(before.db_type(connection) == after.db_type(connection))
