"""The launcher with the real servers."""

import os
import pwd
import signal
import subprocess
import sys
import time

from deploy.local import environment, ownership, ports, postgres, processes
from deploy.local.console import Step
from deploy.local.places import ROOT, Instance
from deploy.tests.instances import NAME, command, is_quiet, marked, processes_of, wait_for


def test_services_start_answer_and_stop(instance: Instance) -> None:
    started = command("services", "start", "--instance", NAME)
    assert started.returncode == 0, started.stdout + started.stderr
    values = environment.read(instance.env_file)
    again = command("services", "start", "--instance", NAME)
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, psycopg, redis; "
            "c = psycopg.connect(os.environ['DATABASE_URL'].replace('postgis:', 'postgresql:')); "
            "c.execute('CREATE EXTENSION postgis'); print(c.execute('SHOW fsync').fetchone()[0]); "
            "r = redis.Redis.from_url(os.environ['REDIS_URL']); print(r.config_get('maxmemory-policy'))",
        ],
        env={**os.environ, **values},
        capture_output=True,
        text=True,
    )
    owners = {
        name: pwd.getpwuid(os.stat(f"/proc/{entry.identity.pid}").st_uid).pw_name
        for name in ownership.STORES
        if (entry := processes.running(instance, name))
    }
    stopped = command("services", "stop", "--instance", NAME)

    assert "runs already" in again.stdout
    assert answer.stdout.split("\n")[:2] == ["on", "{'maxmemory-policy': 'noeviction'}"], answer.stderr
    assert set(owners) == {"postgres", "redis"}
    assert "root" not in owners.values()
    assert stopped.returncode == 0
    assert processes_of(instance) == []


def test_a_cluster_cut_short_while_it_was_made_is_made_anew(instance: Instance) -> None:
    half = instance.data / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("15\n")

    with Step("postgres") as step:
        process = postgres.Postgres(instance).start(step)
    ownership.end_all(instance)

    assert process.wait(timeout=10) == 0
    assert not half.exists()
    assert (instance.data / "postgres" / "PG_VERSION").exists()


def test_make_run_is_ready_soon_shows_where_it_is_and_is_gone_when_killed(instance: Instance) -> None:
    web, rtmp, video = (str(ports.private_port(NAME, purpose)) for purpose in ("web", "rtmp", "media"))
    env = {**marked(NAME), "PORT": web, "RTMP_PORT": rtmp, "MEDIA_PORT": video}
    for name in ("DATABASE_URL", "REDIS_URL", "BASE_URL", "RTMP_URL", "MEDIA_URL", "MEDIA_ROOT"):
        env.pop(name, None)

    def run() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local", "run", "--instance", NAME],
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ready."):
                return process
        raise AssertionError(said)

    first = run()
    owners = {
        entry.name: pwd.getpwuid(os.stat(f"/proc/{entry.identity.pid}").st_uid).pw_name
        for entry in processes.records(instance)
    }
    first.kill()
    first.communicate()
    wait_for(lambda: processes_of(instance) == [], 60, "the end of everything")

    began = time.monotonic()
    second = run()
    took = time.monotonic() - began
    values = environment.read(instance.env_file)
    second.send_signal(signal.SIGINT)
    said, _ = second.communicate(timeout=60)

    assert {"web", "worker", "media", "postgres", "redis"} <= set(owners)
    assert "root" not in {owners[name] for name in ("media", "postgres", "redis")}
    assert took < 10 or not is_quiet()
    assert values["BASE_URL"] == f"http://localhost:{web}"
    assert said.rstrip().endswith("Stopped; nothing is left running.")
    assert second.returncode == 0
    assert processes_of(instance) == []
