"""Every installed app is in each list that must name it; the messages say which file to edit."""

import tomllib
from pathlib import Path

import pytest
from django.conf import settings

from soukloop.core.domain import domain_apps

ROOT = Path(settings.BASE_DIR)
APPS = [app.name for app in domain_apps()]
IMPORT_LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def missing_from(names: object) -> list[str]:
    return [name for name in APPS if name not in set(names)]  # type: ignore[call-overload]


def test_root_packages_name_every_app() -> None:
    missing = missing_from(IMPORT_LINTER["root_packages"])
    assert not missing, f"add {missing} to root_packages in pyproject.toml"


def test_the_layers_name_every_app() -> None:
    [contract] = [one for one in IMPORT_LINTER["contracts"] if "soukloop.core" in one["layers"]]
    missing = missing_from(contract["layers"])
    assert not missing, f"add {missing} to the layers of “{contract['name']}” in pyproject.toml"


def test_the_containers_name_every_app() -> None:
    [contract] = [one for one in IMPORT_LINTER["contracts"] if "containers" in one]
    missing = missing_from(contract["containers"])
    assert not missing, f"add {missing} to the containers of “{contract['name']}” in pyproject.toml"


@pytest.mark.parametrize("page", ["docs/architecture.md", "README.md"])
def test_the_pages_name_every_app(page: str) -> None:
    text = (ROOT / page).read_text()
    missing = [
        name
        for name in APPS
        if f"`{name}/`" not in text and f"`{name} →" not in text and f"→ {name} →" not in text
    ]
    assert not missing, f"add {missing} to {page}"


def test_the_line_of_imports_is_that_of_the_layers() -> None:
    [contract] = [one for one in IMPORT_LINTER["contracts"] if "soukloop.core" in one["layers"]]
    line = " → ".join(contract["layers"][1:])
    assert line in (ROOT / "docs/architecture.md").read_text(), f"docs/architecture.md: write `{line}`"
