"""`make run`: everything in the foreground, and a summary of where it is."""

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from deploy.local import compose, environment, media, ownership, setup, stores
from deploy.local.console import CannotGoOn, Step, paint, say
from deploy.local.interruptions import Ended
from deploy.local.places import ROOT, Instance, require_space
from deploy.local.ports import require_free
from deploy.local.processes import Service
from deploy.local.supervisor import Supervisor
from deploy.local.tools import run_logged
from deploy.local.venv import PYTHON

READY_WITHIN = 90.0


def main(argv: list[str]) -> int:
    """Set up, start, say where everything is, and stay until somebody ends it."""
    instance = Instance(argv[1] if argv[:1] == ["--instance"] and len(argv) == 2 else "run")
    person = environment.asked()
    setup.ensure("Souk Loop", ["run", *argv], named=person, development=False)
    require_space(setup.LATER_MB)
    try:
        with ownership.owned(instance):
            try:
                _run(instance, person)
            except Ended:
                say("\nStopping …")
                raise
    except Ended:
        say("Stopped; nothing is left running.")
    return 0


def _run(instance: Instance, person: dict[str, str]) -> None:
    # Ports first: a busy one is known at once, before anything was started.
    values = environment.of_run(instance, person, {})
    for variable, what in (("PORT", "web"), ("RTMP_PORT", "video in"), ("MEDIA_PORT", "video out")):
        require_free(int(values[variable]), variable, what)
    urls, started = stores.start(instance, person)
    values |= urls
    environment.write(instance.env_file, values)
    env = environment.of_process(values)
    migrated = _migrate(instance, env)
    if _is_production(env):
        # Demo logins with known passwords are for nobody else's database.
        demo = ""
        with Step("static") as step:
            _manage(instance, env, "collectstatic", "The static files could not be collected.", "--noinput")
            step.done("collected")
    else:
        demo = _seed(instance, env, anew=migrated)

    supervisor = Supervisor(instance)
    for service, process in started.values():
        supervisor.adopt(service, process)
    with Step("processes") as step:
        step.say("starting web, worker and media server")
        # The compose file's `app` is the web process here.
        supervisor.start(Service("web", compose.command("app", env), env=env))
        supervisor.start(Service("worker", compose.command("worker", env), env=env))
        supervisor.start(media.service(instance, environment.of_media(instance, values)), quiet=True)
        _wait_until_ready(supervisor, values["PORT"])
        step.done("web, worker and media server answer")
    _summary(instance, values, demo)
    supervisor.watch()


def _manage(instance: Instance, env: Mapping[str, str], command: str, failure: str, *options: str) -> str:
    log = instance.log(command)
    return run_logged([str(PYTHON), "manage.py", command, *options], log=log, failure=failure, env=env)


def _migrate(instance: Instance, env: Mapping[str, str]) -> bool:
    """Bring the tables up to date; returns whether anything had to be done."""
    with Step("migrate") as step:
        step.say("bringing the tables up to date")
        printed = _manage(instance, env, "migrate", "The database could not be migrated.", "--noinput")
        applied = printed.count(" Applying ")
        step.done(f"applied {applied} migrations" if applied else "up to date")
    return bool(applied)


def _seed(instance: Instance, env: Mapping[str, str], *, anew: bool) -> str:
    """Put the demo data in where they are not yet; returns what the command said about its logins."""
    database = hashlib.sha256(env["DATABASE_URL"].encode()).hexdigest()[:16]
    # Beside the private cluster, and gone with it.
    said = instance.data / f"demo-{database}.txt"
    with Step("demo data") as step:
        if anew or not said.exists():
            step.say("putting the demo data in")
            said.write_text(_manage(instance, env, "seed_demo", "The demo data could not be put in."))
            step.done("in place")
        else:
            step.done("unchanged")
    return said.read_text().strip("\n")


def _is_production(env: Mapping[str, str]) -> bool:
    return env["DEBUG"].lower() not in ("true", "on", "ok", "y", "yes", "1")  # as django-environ reads it


def _wait_until_ready(supervisor: Supervisor, port: str) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while (trouble := _trouble(port)) is not None:
        supervisor.check()
        if time.monotonic() > deadline:
            log = supervisor.instance.log("web")
            raise CannotGoOn(f"The web process is not ready after {READY_WITHIN:.0f} s: {trouble}", log=log)
        time.sleep(0.05)
    supervisor.check()


def _trouble(port: str) -> str | None:
    """Why the web process is not ready, or None when it is."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.read(300).decode(errors="replace") or str(error)
    except OSError as error:
        return str(error)
    return None


def _summary(instance: Instance, values: dict[str, str], demo: str) -> None:
    settings = instance.env_file.relative_to(ROOT)
    base, rtmp, video = values["BASE_URL"], values["RTMP_URL"], values["MEDIA_URL"].rstrip("/")
    rows = [
        ("API", f"{base}/api/v1/"),
        ("Docs", f"{base}/docs   {base}/redoc"),
        ("Admin", f"{base}/admin/"),
        ("Sockets", f"{base}/socket.io/   {base.replace('http', 'ws', 1)}/ws/"),
        ("Video in", rtmp),
        ("Video out", f"{video}/live/…"),
        ("Settings", f'{settings}   (for example: . {settings}; redis-cli -u "$REDIS_URL")'),
        ("Logs", str(instance.logs.relative_to(ROOT))),
    ]
    say(f"\n{paint('Ready.', '1;32')} Ctrl-C ends everything.\n")
    for name, text in rows:
        say(f"  {paint(name.ljust(10), '1')}  {text}")
    if demo:
        say(f"\n{paint('Demo', '1')}\n")
        for line in demo.splitlines():
            say(f"  {line}")
    say(f"\n{paint('Go live', '1')} with the stream key that POST /api/v1/streams/<id>/go-live answers:\n")
    say("  OBS     Settings › Stream › Custom; keyframe interval 1 s")
    say(f"          server {rtmp}   stream key sk_…")
    say("  ffmpeg  ffmpeg -re -f lavfi -i testsrc2=s=1280x720:r=30 -f lavfi -i sine \\")
    say("            -c:v libx264 -preset veryfast -tune zerolatency -g 30 -pix_fmt yuv420p -c:a aac \\")
    say(f"            -f flv {rtmp}/sk_…\n")
