"""What is generated from the descriptions is current."""

import pytest

from clients.generate.files import ROOT, generated_files


@pytest.mark.usefixtures("node_packages")
def test_generated_files_are_those_of_the_current_descriptions() -> None:
    stale = [
        path
        for path, content in generated_files().items()
        if not (ROOT / path).exists() or (ROOT / path).read_text() != content
    ]
    assert stale == [], "run `.venv/bin/python -m clients.generate`"
