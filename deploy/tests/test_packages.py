"""System packages: which are missing, how they are installed."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.local import packages
from deploy.local.console import CannotGoOn, Step


@pytest.mark.parametrize(
    ("is_root", "programs", "words"),
    [
        (True, [], "no apt-get, and it lacks Redis"),
        (
            False,
            ["apt-get"],
            "lacks Redis, and has no sudo: as root, `apt-get update && apt-get install redis-server`",
        ),
    ],
)
def test_without_the_means_to_install_the_missing_is_named(
    is_root: bool, programs: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = packages.Need("Redis", is_there=False, packages=("redis-server",))
    monkeypatch.setattr(packages, "needs", lambda **kwargs: [missing])
    monkeypatch.setattr(packages, "find_program", lambda name: name if name in programs else None)
    monkeypatch.setattr(packages, "is_root", lambda: is_root)

    with pytest.raises(CannotGoOn) as refusal, Step("packages") as step:
        packages.ensure(step)
    assert words in refusal.value.sentence


def test_servers_that_run_elsewhere_are_not_installed_here() -> None:
    listed = {need.what for need in packages.needs(postgres=False, redis=False)}

    assert "Redis" not in listed
    assert "PostgreSQL with PostGIS" not in listed
    assert "GDAL" in listed


def test_the_installer_starts_nothing_and_tidies_up(tmp_path: Path) -> None:
    # The real script in a make-believe machine: its paths and apt-get are replaced, its logic is not.
    script = packages.INSTALLER.read_text()
    script = script.replace("/usr/sbin/policy-rc.d", f"{tmp_path}/policy-rc.d")
    script = script.replace("/etc/postgresql-common", f"{tmp_path}/postgresql-common")
    stub = tmp_path / "bin" / "apt-get"
    stub.parent.mkdir()
    stub.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n'
        f"{tmp_path}/policy-rc.d; echo policy $? >>{tmp_path}/asked\n"
        f"cat {tmp_path}/postgresql-common/createcluster.d/soukloop.conf >>{tmp_path}/asked\n"
        'test "$3" = update\n'
    )
    stub.chmod(0o755)
    (tmp_path / "bin" / "systemctl").symlink_to("/bin/true")
    (tmp_path / "install.sh").write_text(script)
    env = {"PATH": f"{tmp_path}/bin:{os.defpath}"}
    done = subprocess.run(
        ["sh", tmp_path / "install.sh", "redis-server"], env=env, capture_output=True, text=True
    )
    asked = (tmp_path / "asked").read_text()

    assert done.returncode != 0  # our apt-get refused the installation
    assert asked.count("policy 101") == asked.count("create_main_cluster = false") == 2
    assert "install --yes --no-install-recommends --no-upgrade redis-server" in asked
    assert not (tmp_path / "policy-rc.d").exists()
    assert not (tmp_path / "postgresql-common/createcluster.d/soukloop.conf").exists()
