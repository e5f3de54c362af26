"""The compose file and the images agree with the settings, with `make run` and with each other."""

import http.server
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from uvicorn.main import main as uvicorn_command

from deploy import health
from deploy.local import environment, run
from deploy.local.instance import ROOT
from deploy.tests.instances import temporary_instance

COMPOSE = yaml.safe_load(run.COMPOSE.read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
PUBLISHED = {"app": [8000], "postgres": [5432], "redis": [6379], "media": [1935, 8080]}


def interpolate(text: str, env: dict[str, str]) -> str:
    """Fill in ${NAME:-default}, as compose and the shell of `make run` do."""
    return subprocess.run(["sh", "-c", f'echo "{text}"'], env=env, capture_output=True, text=True).stdout[:-1]


def command(service: str, env: dict[str, str]) -> list[str]:
    return interpolate(SERVICES[service]["command"], env).split()


def setting_names() -> set[str]:
    return set(environment.read(ROOT / ".env.example"))


def instructions(path: str) -> list[tuple[str, str]]:
    """Read a Dockerfile as (instruction, argument), continued lines joined."""
    lines = [line for line in (ROOT / path).read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n", " ", "\n".join(lines))
    pairs = (line.partition(" ") for line in text.splitlines() if line.strip())
    return [(word, argument.strip()) for word, _, argument in pairs]


def only(path: str, word: str) -> str:
    found = [argument for name, argument in instructions(path) if name == word]
    assert len(found) == 1, f"{path} has {len(found)} × {word}"
    return found[0]


def image_environment(path: str) -> dict[str, str]:
    pairs = (word for name, argument in instructions(path) if name == "ENV" for word in shlex.split(argument))
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_services_are_those_of_the_design_and_the_one_that_migrates() -> None:
    assert set(SERVICES) == {"app", "worker", "postgres", "redis", "media", "migrate"}


@pytest.mark.parametrize(("name", "ports"), PUBLISHED.items())
def test_ports_are_published_where_everybody_looks_for_them(name: str, ports: list[int]) -> None:
    published = [interpolate(port, {}).split(":")[-2:] for port in SERVICES[name]["ports"]]

    assert published == [[str(port), str(port)] for port in ports]


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_stores_are_published_to_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])


def test_the_published_port_moves_with_the_one_the_app_listens_on() -> None:
    (port,) = SERVICES["app"]["ports"]

    assert interpolate(port, {"PORT": "9000"}) == "9000:9000"
    assert command("app", {"PORT": "9000"})[5] == "9000"


def test_the_containers_get_every_setting_that_the_example_explains_and_no_other() -> None:
    assert set(SERVICES["app"]["environment"]) == setting_names()
    assert SERVICES["worker"]["environment"] == SERVICES["app"]["environment"]
    assert SERVICES["migrate"]["environment"] == SERVICES["app"]["environment"]


def test_make_run_writes_settings_that_exist() -> None:
    with temporary_instance("selftest-compose") as instance:
        values = environment.of_private(instance, {})

    assert set(values) - {"PORT", "RTMP_PORT", "MEDIA_PORT"} <= setting_names()


def test_values_from_outside_reach_the_containers_and_empty_ones_leave_the_default() -> None:
    declared = SERVICES["app"]["environment"]

    assert interpolate(declared["BASE_URL"], {"BASE_URL": "https://a.example"}) == "https://a.example"
    assert interpolate(declared["BASE_URL"], {"BASE_URL": ""}) == "http://localhost:8000"


def test_app_and_worker_wait_for_the_migrations_and_these_for_the_database() -> None:
    for name in ("app", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", ["app", "worker", "postgres", "redis", "media"])
def test_what_stays_up_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_data_that_matter_are_on_volumes() -> None:
    mounted = {name: service.get("volumes") for name, service in SERVICES.items()}

    assert mounted["postgres"] == ["postgres:/var/lib/postgresql/data"]
    assert mounted["app"] == mounted["worker"] == mounted["media"] == ["media:/media"]
    assert set(COMPOSE["volumes"]) == {"postgres", "media"}
    assert SERVICES["app"]["environment"]["MEDIA_ROOT"] == "/media"


@pytest.mark.parametrize("name", ["app", "worker", "migrate"])
def test_commands_start_programs_that_the_requirements_bring(name: str) -> None:
    program = command(name, {})[0]

    assert shutil.which(program, path=str(Path(sys.executable).parent)), program


def test_the_web_command_is_one_that_uvicorn_understands_and_believes_no_proxy() -> None:
    words = command("app", {"PORT": "9000"})
    options = uvicorn_command.make_context("uvicorn", words[1:]).params

    assert words[0] == "uvicorn"
    assert options["app"] == "soukloop.asgi:application"
    assert (options["host"], options["port"]) == ("0.0.0.0", 9000)  # noqa: S104
    assert options["ws_max_size"] == 64 * 1024
    assert options["timeout_graceful_shutdown"] == 10
    assert not options["proxy_headers"]
    assert not options["server_header"]
    assert not options["access_log"]


def test_the_worker_command_is_one_that_procrastinate_understands() -> None:
    words = command("worker", {"WORKER_CONCURRENCY": "2"})
    shown = subprocess.run([sys.executable, *words[1:4], "--help"], cwd=ROOT, capture_output=True, text=True)

    assert words[:4] == ["python", "manage.py", "procrastinate", "worker"]
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[\w-]+", shown.stdout))


def test_the_image_starts_the_same_web_process_as_compose_and_make_run() -> None:
    assert json.loads(only("Dockerfile", "CMD")) == command("app", {})
    assert only("Dockerfile", "EXPOSE") == "8000"


@pytest.mark.parametrize("path", ["Dockerfile", "deploy/media/Dockerfile"])
def test_images_end_as_an_ordinary_user_with_a_health_check(path: str) -> None:
    words = [word for word, _ in instructions(path)]

    assert only(path, "USER") == "soukloop"
    assert words.index("USER") < words.index("CMD")
    assert "HEALTHCHECK" in words


def test_both_images_know_their_user_by_the_same_number() -> None:
    numbers = {
        tuple(re.findall(r"--(?:gid|uid|owner|group) (\d+)", (ROOT / path).read_text()))
        for path in ("Dockerfile", "deploy/media/Dockerfile")
    }

    assert numbers == {("10001",) * 5}


def test_health_checks_ask_for_pages_that_exist(client: Any) -> None:
    asked = re.findall(r":\d+(/\w+)", (ROOT / "Dockerfile").read_text())
    asked += re.findall(r"\}(/\w+)", " ".join(SERVICES["app"]["healthcheck"]["test"]))

    assert asked == ["/healthz", "/readyz"]
    assert client.get("/healthz").status_code == 200


def test_the_health_check_asks_by_a_name_that_the_app_answers_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"]))
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    monkeypatch.setenv("ALLOWED_HOSTS", "api.soukloop.example,app")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        codes = [health.main(f"{url}/healthz"), health.main(f"{url}/readyz")]
        server.shutdown()

    assert codes == [0, 1]
    assert health.main(url) == 1  # nobody is there any more
    assert asked == [("/healthz", "api.soukloop.example"), ("/readyz", "api.soukloop.example")]


def test_the_media_image_fills_in_every_name_of_the_template() -> None:
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", (ROOT / "deploy/media/nginx.conf.template").read_text()))
    script = (ROOT / "deploy/media/start.sh").read_text()
    (listed,) = re.findall(r"envsubst '([^']+)'", script)
    given = set(image_environment("deploy/media/Dockerfile")) | set(SERVICES["media"]["environment"])

    assert {name.removeprefix("$") for name in listed.split()} == wanted
    assert given | {"RESOLVER"} == wanted  # found at start, in /etc/resolv.conf


def test_media_server_and_app_share_their_secret_and_find_each_other() -> None:
    app, server = SERVICES["app"]["environment"], SERVICES["media"]["environment"]
    control = image_environment("deploy/media/Dockerfile")["CONTROL_LISTEN"]

    assert server["MEDIA_SECRET"] == app["MEDIA_SECRET"]
    assert interpolate(server["CALLBACK_URL"], {}) == "http://app:8000"
    for hosts in ({}, {"ALLOWED_HOSTS": "api.soukloop.example"}):
        assert "app" in interpolate(app["ALLOWED_HOSTS"], hosts).split(",")
    assert app["MEDIA_CONTROL_URL"] == f"http://media:{control}"
    assert not any(control in port for port in SERVICES["media"]["ports"])


def test_the_defaults_of_the_compose_file_are_refused_in_production() -> None:
    defaults = {
        name: interpolate(str(value), {})
        for name, value in SERVICES["app"]["environment"].items()
        if name not in {"DATABASE_URL", "REDIS_URL", "MEDIA_ROOT"}
    }
    started = subprocess.run(
        [sys.executable, "-c", "import soukloop.asgi"],
        cwd=ROOT,
        env={**os.environ, **defaults, "DEBUG": "false"},
        capture_output=True,
        text=True,
    )

    assert started.returncode != 0
    assert "SECRET_KEY is missing or weak" in started.stderr


def test_nothing_private_goes_into_an_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert {".env", ".git", ".local", ".venv"} <= set(ignored)
