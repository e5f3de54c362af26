"""Commands and snippets of the documentation for app teams, run as they stand against a server."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from accounts.demo import seed_people
from clients.tests.conftest import CLIENTS, MODULES, run_node
from payments.demo import seed as seed_payments
from soukloop.realtime.testing.servers import START_TIMEOUT, ServerProcess

ROOT = CLIENTS.parent
PAGES = ROOT / "docs" / "build-an-app"


def blocks(page: Path, *languages: str) -> list[str]:
    """Return a page's blocks of code in these languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language in languages]


def in_a_shell(text: str, server: ServerProcess, folder: Path) -> list[str]:
    """Return a command that runs a page's lines with a server in place of `make run`."""
    text = re.sub(r"^source \.local/env.*$", "", text, flags=re.MULTILINE)
    variables = f"BASE_URL={server.url} REDIS_URL={settings.REDIS_URL} DATABASE_URL=unused"
    (folder / "page.sh").write_text(f"{variables}\n{text}\n")
    return ["bash", "-o", "pipefail", "-e", str(folder / "page.sh")]


@pytest.mark.django_db(transaction=True)
def test_lines_of_the_readme_work_as_pasted(server: ServerProcess, tmp_path: Path) -> None:
    script = "\n".join(block for block in blocks(ROOT / "README.md", "bash") if "make run" not in block)
    # npm is that of `.venv` too, whose own program would need `node` beside it.
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "npm_config_prefer_offline": "true", "TMPDIR": str(tmp_path)}
    pasted = subprocess.Popen(
        in_a_shell(script, server, tmp_path),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = subprocess.Popen(["sh", "-c", f"sleep {START_TIMEOUT}; kill -- -{pasted.pid}"])
    try:
        assert pasted.stdout is not None
        printed = []
        for line in pasted.stdout:
            printed.append(line)
            if line.startswith("connected"):
                break
        assert printed[-1].startswith("connected"), "".join(printed)
        assert "Nike Air Jordan 1 Retro High" in "".join(printed)
    finally:
        watchdog.kill()
        os.killpg(pasted.pid, signal.SIGKILL)
        pasted.wait()


@pytest.mark.django_db(transaction=True)
def test_the_page_of_node_does_what_it_says(
    typescript_client: Path, server: ServerProcess, tmp_path: Path
) -> None:
    (program,) = blocks(PAGES / "node.md", "js")
    (tmp_path / "room.mjs").write_text(program)
    (tmp_path / "node_modules").symlink_to(MODULES)
    printed = run_node(tmp_path / "room.mjs", cwd=tmp_path, env={**os.environ, "BASE_URL": server.url})

    for line in (
        "writes: Is it still there?",
        "offered: 100",
        "accepted: 100",
        "refused: product_not_available",
    ):
        assert line in printed


@pytest.mark.usefixtures("worker")
@pytest.mark.django_db(transaction=True)
def test_the_page_of_buying_does_what_it_says(server: ServerProcess, tmp_path: Path) -> None:
    seed_people()
    seed_payments()
    script = "\n".join(blocks(PAGES / "buying.md", "bash"))
    done = subprocess.run(
        in_a_shell(script, server, tmp_path), capture_output=True, text=True, timeout=START_TIMEOUT
    )
    printed = done.stdout.splitlines()

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for line in ("handed_over", "completed", "waiting", "%PDF", "ready", "AED 114.00"):
        assert line in printed, done.stdout


def test_typescript_on_every_page_is_typed_strictly(typescript_client: Path, tmp_path: Path) -> None:
    names = []
    for page in [*sorted(PAGES.glob("*.md")), typescript_client / "README.md"]:
        for number, block in enumerate(blocks(page, "ts")):
            names.append(f"{page.stem}-{number}.ts")
            (tmp_path / names[-1]).write_text(f"export {{}};\n{_free_names(block)}{block}")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(MODULES)
    options = ["--strict", "--noEmit", "--skipLibCheck", "--target", "ES2022", "--module", "NodeNext"]
    run_node(MODULES / "typescript" / "bin" / "tsc", *options, "--lib", "ES2022,DOM", *names, cwd=tmp_path)

    assert len(names) >= 5


def test_javascript_on_every_page_can_be_parsed(tmp_path: Path) -> None:
    count = 0
    for page in sorted(PAGES.glob("*.md")):
        for block in blocks(page, "js"):
            (tmp_path / "block.mjs").write_text(block)
            run_node("--check", tmp_path / "block.mjs")
            count += 1

    assert count >= 3


def test_pages_have_the_settings_of_hls_js_that_were_measured() -> None:
    player = (ROOT / "bench" / "video" / "player.js").read_text()
    settings_line = re.search(r"liveSyncDuration: .*liveSyncOnStallIncrease: \d+", player)
    assert settings_line
    for page in (ROOT / "docs" / "going-live.md", PAGES / "live-room.md"):
        assert settings_line[0] in page.read_text(), page


def _free_names(block: str) -> str:
    """Declare what a snippet takes from the reader's app."""
    app = {
        "conversationId": "string",
        "show": "(message: unknown) => void",
        "stored": "{ upToSeq: number } | undefined",
    }
    free = [name for name in app if re.search(rf"[(, ]{name}[,?.)]| {name} ", block)]
    return "".join(f"declare const {name}: {app[name]};\n" for name in free if f"{name}:" not in block)


def test_dart_on_the_page_of_flutter_calls_what_exists() -> None:
    source = "\n".join(path.read_text() for path in (CLIENTS / "dart" / "lib").rglob("*.dart"))
    code = "\n".join([*blocks(PAGES / "flutter.md", "dart"), *blocks(CLIENTS / "dart" / "README.md", "dart")])
    methods = set(re.findall(r"\b(?:soukloop|soukloop\.api|socket)\.(\w+)\(", code))

    assert len(methods) >= 6
    assert [name for name in methods if f" {name}(" not in source] == []
    for name in re.findall(r"(\w+): ", " ".join(re.findall(r"listCommunityFeed\((.*?)\)", code))):
        assert re.search(rf"listCommunityFeed\([^)]*\b{name}\b", source), name
