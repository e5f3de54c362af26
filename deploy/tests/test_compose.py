"""The compose file and the images agree with the settings, with `make run` and with each other."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from uvicorn.main import main as uvicorn_command

from deploy.local import environment, run
from deploy.local.instance import ROOT
from deploy.tests.instances import temporary_instance
from notifications.vapid import read_private_key

COMPOSE = yaml.safe_load(run.COMPOSE.read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
APPLICATION = ("app", "worker", "pusher", "packager", "migrate", "secrets")
PUBLISHED = {
    "proxy": ["127.0.0.1:8000:8000"],
    "postgres": ["127.0.0.1:5432:5432"],
    "redis": ["127.0.0.1:6379:6379"],
    "ingest": ["127.0.0.1:1935:1935", "127.0.0.1:1936:1936"],
    "media": ["127.0.0.1:8080:8080"],
}
STORES = ("postgres", "redis")


def interpolate(text: str, env: dict[str, str]) -> str:
    """Fill in ${NAME:-default}, as compose and the shell of `make run` do."""
    return subprocess.check_output(["sh", "-c", f'echo "{text}"'], env=env, text=True)[:-1]


def command(service: str, env: dict[str, str]) -> list[str]:
    return interpolate(SERVICES[service]["command"], env).split()


def instructions(path: str) -> dict[str, str]:
    """Read the last stage of a Dockerfile as instructions and arguments, those of equal ones joined."""
    lines = [line for line in (ROOT / path).read_text().splitlines() if not line.lstrip().startswith("#")]
    stage = re.sub(r"\\\n", " ", "\n".join(lines)).rpartition("FROM ")[2]
    pairs = (line.partition(" ") for line in stage.splitlines() if line)
    found: dict[str, str] = {}
    for word, _, argument in pairs:
        found[word] = " ".join([found.get(word, ""), *argument.split()]).strip()
    return found


def test_services_are_published_where_everybody_looks_for_them() -> None:
    for name, ports in PUBLISHED.items():
        assert [interpolate(port, {}) for port in SERVICES[name]["ports"]] == ports
    assert {name for name in SERVICES if "ports" not in SERVICES[name]} == {
        "app",
        "worker",
        "packager",
        "pusher",
        "migrate",
        "secrets",
    }
    assert interpolate(SERVICES["proxy"]["ports"][0], {"PORT": "9000"}) == "127.0.0.1:9000:8000"
    # The proxy reaches the app on the port that this listens on.
    assert interpolate(SERVICES["proxy"]["environment"]["APP_PORT"], {"PORT": "9000"}) == "9000"
    assert command("app", {"PORT": "9000"})[5] == "9000"


@pytest.mark.parametrize("env", [{}, {"PUBLISH_ADDRESS": ""}, {"DEBUG": "true", "PORT": "9000"}])
def test_nothing_is_published_to_other_machines_unless_an_address_is_set(env: dict[str, str]) -> None:
    for service in SERVICES.values():
        for port in service.get("ports", ()):
            assert interpolate(port, env).startswith("127.0.0.1:")


def test_only_the_proxy_and_the_media_server_can_be_published() -> None:
    env = {"PUBLISH_ADDRESS": "192.0.2.1"}
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            host = "127.0.0.1:" if name in STORES else "192.0.2.1:"
            assert interpolate(port, env).startswith(host)


def test_the_containers_get_every_setting_that_the_example_explains_and_no_other() -> None:
    explained = set(environment.read(ROOT / ".env.example"))
    with temporary_instance("selftest-compose") as instance:
        written = environment.of_private(instance, {})

    assert [set(SERVICES[name]["environment"]) for name in APPLICATION] == [explained] * len(APPLICATION)
    base = SERVICES["app"]["environment"]["BASE_URL"]
    for value, shown in (("https://a.example", "https://a.example"), ("", "http://localhost:8000")):
        assert interpolate(base, {"BASE_URL": value}) == shown
    # What `make run` writes exists, too; containers listen where compose publishes them.
    assert set(written) - {*environment.PORTS, "LISTEN_ADDRESS"} <= explained


def test_services_wait_for_what_they_need_come_back_and_keep_their_data() -> None:
    mounted = {name: service["volumes"] for name, service in SERVICES.items() if "volumes" in service}
    for name in ("app", "worker", "pusher", "packager"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("app", "proxy", "worker", "pusher", "packager", "postgres", "redis", "ingest", "media"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
        assert SERVICES[name]["restart"] == "unless-stopped"
    assert mounted.pop("postgres") == ["postgres:/var/lib/postgresql/data"]
    for name in ("ingest", "media"):
        assert mounted.pop(name) == ["media:/media", "secrets:/secrets:ro"]
    for mount in mounted.pop("proxy"):
        source, target, mode = mount.split(":")
        assert (ROOT / source).is_file()
        assert target.startswith("/etc/nginx/")
        assert mode == "ro"
    shared = ["media:/media", "secrets:/secrets", "metrics:/metrics"]
    assert mounted == dict.fromkeys(APPLICATION, shared)
    assert set(COMPOSE["volumes"]) == {"postgres", "media", "secrets", "metrics"}
    assert (
        COMPOSE["volumes"]["metrics"]["driver_opts"]["type"] == "tmpfs"
    )  # a full disk would kill its writers


def test_the_web_command_is_one_that_uvicorn_understands_and_believes_no_proxy() -> None:
    words = command("app", {"PORT": "9000"})
    options = uvicorn_command.make_context("uvicorn", words[1:]).params

    assert (words[0], options["app"], options["port"]) == ("uvicorn", "soukloop.asgi:application", 9000)
    assert (options["ws_max_size"], options["timeout_graceful_shutdown"]) == (64 * 1024, 10)
    assert not {options[name] for name in ("proxy_headers", "server_header", "access_log")} - {False}


def test_the_other_commands_are_ones_that_django_understands() -> None:
    words = command("worker", {"WORKER_CONCURRENCY": "2"})
    shown = subprocess.run([sys.executable, *words[1:3], "--help"], cwd=ROOT, capture_output=True, text=True)

    assert words[:3] == ["python", "manage.py", "run_worker"]
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[\w-]+", shown.stdout))
    assert command("packager", {}) == ["python", "manage.py", "run_packager"]
    assert command("pusher", {}) == ["python", "manage.py", "run_push_sender"]
    assert command("migrate", {}) == ["python", "manage.py", "migrate", "--noinput"]


def test_the_image_starts_the_same_web_process_as_compose_and_make_run() -> None:
    image = instructions("Dockerfile")

    assert json.loads(image["CMD"]) == command("app", {})
    assert image["EXPOSE"] == "8000"
    # The same, but on the address that the person asked for.
    assert run.commands()["LOCAL_APP_COMMAND"] == f'{SERVICES["app"]["command"]} --host "$LISTEN_ADDRESS"'


@pytest.mark.parametrize("path", ["Dockerfile", "deploy/media/Dockerfile"])
def test_images_end_as_the_same_ordinary_user_with_a_health_check(path: str) -> None:
    image = instructions(path)

    assert image["USER"] == "soukloop"
    assert list(image).index("USER") < list(image).index("CMD")
    assert "curl" in image["HEALTHCHECK"]
    assert re.search(r"apt-get install .* curl ", image["RUN"])
    # Both write to the same volume.
    assert re.findall(r"--(?:gid|uid|owner|group) (\d+)", image["RUN"]) == ["10001"] * 5


@pytest.mark.parametrize("hosts", [{}, {"ALLOWED_HOSTS": "api.soukloop.example,www.soukloop.example"}])
def test_health_checks_ask_for_pages_that_exist_by_a_name_that_the_app_answers_to(
    hosts: dict[str, str], client: Any
) -> None:
    # The command of the image, with a curl that prints its arguments.
    script = "curl() { echo $*; }; " + instructions("Dockerfile")["HEALTHCHECK"].partition("CMD ")[2]
    image = subprocess.run(["sh", "-c", script], env=hosts, capture_output=True, text=True).stdout
    host = "api.soukloop.example" if hosts else "localhost"
    compose = [interpolate(word, {}) for word in SERVICES["app"]["healthcheck"]["test"][-2:]]

    assert image == f"-fsS -o /dev/null -H Host: {host} http://127.0.0.1:8000/healthz\n"
    assert compose == ["Host: app", "http://127.0.0.1:8000/readyz"]
    assert "app" in interpolate(SERVICES["app"]["environment"]["ALLOWED_HOSTS"], hosts).split(",")
    assert client.get("/healthz").status_code == 200


def test_the_media_server_gets_all_that_it_needs_and_finds_the_app() -> None:
    app, ingest, http = (SERVICES[name]["environment"] for name in ("app", "ingest", "media"))
    image = instructions("deploy/media/Dockerfile")["ENV"]
    templates = [(ROOT / f"deploy/media/{role}.conf.template").read_text() for role in ("ingest", "http")]
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", "".join(templates)))
    (listed,) = re.findall(r"envsubst '([^']+)'", (ROOT / "deploy/media/start.sh").read_text())

    assert {name.removeprefix("$") for name in listed.split()} == wanted
    # Three are made at start: of /etc/resolv.conf, of REPLAY_URL, and by default.
    given = {*re.findall(r"(\w+)=", image), *ingest, *http} - {"SECRETS_DIR", "REPLAY_URL"}
    assert given | {"RESOLVER", "REPLAY_SOURCE", "ENCODER_TIMEOUT"} == wanted
    for server in (ingest, http):
        assert server["MEDIA_SECRET"] == app["MEDIA_SECRET"]
        assert interpolate(server["CALLBACK_URL"], {}) == "http://app:8000"
    assert SERVICES["ingest"]["command"][2:] == ["ingest"]
    assert app["MEDIA_CONTROL_URL"] == "http://ingest:8081"
    assert "CONTROL_LISTEN=8081" in image


def test_the_defaults_of_the_compose_file_are_refused_in_production() -> None:
    app = SERVICES["app"]["environment"]
    defaults = {name: interpolate(str(value), {}) for name, value in app.items()}
    start = [sys.executable, "-c", "import soukloop.asgi"]
    env = {**os.environ, **defaults, "DEBUG": "false"}
    started = subprocess.run(start, cwd=ROOT, env=env, capture_output=True, text=True)

    assert started.returncode != 0
    assert "SECRET_KEY is missing or weak" in started.stderr
    assert "MEDIA_SECRET is missing or weak" in started.stderr
    assert "POSTGRES_PASSWORD (in DATABASE_URL) is missing or weak" in started.stderr


def test_no_secret_of_the_compose_file_is_published_with_it() -> None:
    for name in ("SECRET_KEY", "MEDIA_SECRET", "VAPID_PRIVATE_KEY"):
        for service in SERVICES.values():
            assert interpolate(str(service.get("environment", {}).get(name, "")), {}) == ""
    assert SERVICES["migrate"]["depends_on"]["secrets"]["condition"] == "service_completed_successfully"


def test_secrets_are_made_at_the_first_start_and_kept(tmp_path: Path) -> None:
    words = command("secrets", {})
    assert words == ["python", "-m", "deploy.secrets", "/secrets"]

    def start() -> dict[str, str]:
        subprocess.run([sys.executable, *words[1:3], str(tmp_path)], cwd=ROOT, check=True)
        return {path.name: path.read_text() for path in tmp_path.iterdir()}

    made = start()
    assert set(made) == {"SECRET_KEY", "MEDIA_SECRET", "VAPID_PRIVATE_KEY"}
    assert len(set(made.values())) == 3
    assert len(made["SECRET_KEY"]) == len(made["MEDIA_SECRET"]) == 64
    assert read_private_key(made["VAPID_PRIVATE_KEY"]).public_key.curve.name == "secp256r1"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    (tmp_path / "MEDIA_SECRET").unlink()
    assert start()["SECRET_KEY"] == made["SECRET_KEY"]


@pytest.mark.parametrize("given", ["", "given-by-hand"])
def test_containers_read_the_secrets_that_were_made_unless_one_is_given(tmp_path: Path, given: str) -> None:
    (tmp_path / "MEDIA_SECRET").write_text("made-at-first-start")
    env = {**os.environ, "MEDIA_SECRET": given, "SECRETS_DIR": str(tmp_path)}
    expected = given or "made-at-first-start"
    ask = "from soukloop.settings import media; print(media.MEDIA_SECRET)"
    app = subprocess.check_output([sys.executable, "-c", ask], cwd=ROOT, env=env, text=True)

    # The start script up to the check, then what it would hand to nginx.
    lines = (ROOT / "deploy/media/start.sh").read_text().partition("# In Docker Compose")[0]
    script = f'{lines}\nprintf %s "$MEDIA_SECRET"'
    env["CALLBACK_URL"] = "http://app:8000"
    media = subprocess.check_output(["sh", "-c", script], env=env, text=True)
    assert (app.strip(), media) == (expected, expected)


def test_nothing_private_goes_into_an_image() -> None:
    assert {".env", ".git", ".local", ".venv"} <= set((ROOT / ".dockerignore").read_text().split())


def test_processes_have_two_heaps_wherever_they_are_started() -> None:
    assert "MALLOC_ARENA_MAX=2" in (ROOT / "Dockerfile").read_text()
    assert environment.of_process({})["MALLOC_ARENA_MAX"] == "2"
