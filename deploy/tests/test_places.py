"""Who runs what, and where."""

import os
from pathlib import Path

import pytest

from deploy.local import places
from deploy.local.console import CannotGoOn
from deploy.local.places import Instance
from deploy.tests.instances import NAME


def test_root_never_runs_a_server_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "is_root", lambda: True)
    assert places.server_user("nobody") == "nobody"
    with pytest.raises(CannotGoOn, match="No server runs as root"):
        places.server_user("no-such-user")

    monkeypatch.setattr(places, "is_root", lambda: False)
    assert places.server_user("nobody") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try another user's permissions")
def test_data_leave_a_checkout_that_the_servers_users_cannot_enter(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "SHELTER", tmp_path / "shelter")
    monkeypatch.setattr(places, "may_enter", lambda directory, user: False)

    assert Instance(NAME).data == tmp_path / "shelter" / NAME


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try another user's permissions")
def test_a_directory_of_roots_alone_cannot_be_entered_by_others(tmp_path: Path) -> None:
    inside = tmp_path / "checkout"
    inside.mkdir()
    tmp_path.chmod(0o700)

    assert not places.may_enter(inside, "www-data")
    assert places.may_enter(Path("/usr"), "www-data")


def test_a_shelter_that_somebody_else_prepared_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shelter").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(places, "SHELTER", tmp_path / "shelter")

    with pytest.raises(CannotGoOn, match="is not ours"):
        places.make_shelter()


@pytest.mark.parametrize("name", ["", "../run", "Run", "log", "a/b", "-x", "x" * 40])
def test_an_instance_has_a_name_that_is_safe_as_a_directory(name: str) -> None:
    with pytest.raises(CannotGoOn):
        Instance(name)
