"""The page of curl for app teams, run as it stands from the registration to the end of a live stream."""

import subprocess
from pathlib import Path

from clients.tests.test_docs import PAGES, blocks, in_a_shell
from livestream.tests.media import MediaServerProcess
from soukloop.realtime.testing.servers import ServerProcess


def test_the_page_of_curl_does_what_it_says(
    transactional_db: None, media: MediaServerProcess, web: ServerProcess, tmp_path: Path
) -> None:
    script = "\n".join(blocks(PAGES / "curl.md", "bash")).replace("-t 600", "-t 30")
    command = in_a_shell(script, web, tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=tmp_path)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "'title': 'Brass coffee pot'" in done.stdout
    assert done.stdout.count('"code":"validation_error"') == 2
    lines = done.stdout.splitlines()
    assert lines[lines.index("304") + 1] == "#EXTM3U"
    assert lines[-1] == "ended"
