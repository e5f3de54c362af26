"""The environment of what is started: its file, its secrets, its ports."""

import subprocess
from pathlib import Path

import pytest

from deploy.local import environment, ports, venv
from deploy.local.places import Instance
from deploy.tests.instances import NAME


def test_the_environment_file_reads_the_same_in_a_shell_and_in_python(tmp_path: Path) -> None:
    values = dict.fromkeys(environment.WRITTEN, "x") | {
        "ALLOWED_HOSTS": "localhost,[::1]",
        "SECRET_KEY": 'a\'b "c" $d `e` #f',
    }
    path = tmp_path / "env"
    environment.write(path, values)
    script = f'. {path}; printf \'%s\\n%s\' "$ALLOWED_HOSTS" "$SECRET_KEY"'
    sourced = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout.splitlines()

    assert sourced == [values["ALLOWED_HOSTS"], values["SECRET_KEY"]]
    assert environment.read(path)["ALLOWED_HOSTS"] == values["ALLOWED_HOSTS"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_the_person_set_wins_in_make_run_and_nowhere_else(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "network_address", lambda: "")
    person = {
        "DATABASE_URL": "postgis://theirs",
        "PORT": "9000",
        "BASE_URL": "https://tunnel.example",
        "ALLOWED_HOSTS": "tunnel.example",
    }
    ours = {"DATABASE_URL": "postgis://ours", "REDIS_URL": "redis://ours"}

    run = environment.of_run(instance, person, ours)
    private = environment.of_private(instance, ours)

    assert (run["DATABASE_URL"], run["REDIS_URL"]) == ("postgis://theirs", "redis://ours")
    assert (run["PORT"], run["BASE_URL"]) == ("9000", "https://tunnel.example")
    assert run["ALLOWED_HOSTS"] == "tunnel.example,127.0.0.1"
    assert private["DATABASE_URL"] == "postgis://ours"
    assert private["BASE_URL"] == f"http://127.0.0.1:{private['PORT']}"


def test_secrets_are_kept_from_start_to_start_and_differ_between_instances(instance: Instance) -> None:
    first = instance.secret("SECRET_KEY")

    assert Instance(NAME).secret("SECRET_KEY") == first
    assert instance.secret("MEDIA_SECRET") != first
    assert len(first) >= 50
    assert (instance.directory / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_instances_have_ports_of_their_own_that_stay() -> None:
    assert ports.private_port("one", "redis") == ports.private_port("one", "redis")
    assert len({ports.private_port(name, "redis") for name in ("run", "test", "bench", "check")}) == 4


def test_uv_gets_the_registry_that_pip_is_configured_with_its_environment_first() -> None:
    listed = (
        ":env:.find-links='/wheels /more'\n"
        "global.cert='/etc/ca.crt'\n"
        "global.extra-index-url='\\nhttps://one.example/simple\\nfile:///two'\n"
        "global.find-links='/not-this'\n"
        "global.index-url='https://not-this.example/simple'\n"
        "install.index-url='https://index.example/simple'\n"
        "global.trusted-host='index.example'\n"
    )

    assert venv.uv_settings(listed) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "1",
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_INDEX": "https://one.example/simple file:///two",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INSECURE_HOST": "index.example",
        "SSL_CERT_FILE": "/etc/ca.crt",
    }
