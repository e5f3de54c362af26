"""Make the secrets of the containers at their first start: python -m deploy.secrets DIRECTORY"""

import secrets
import sys
from pathlib import Path

NAMES = ("SECRET_KEY", "MEDIA_SECRET")


def make_missing(directory: Path) -> None:
    """Write a random value into a file for each name that has none yet; only its owner may read it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        path = directory / name
        if path.exists():
            continue
        draft = directory / f".{name}"
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        draft.replace(path)


if __name__ == "__main__":
    make_missing(Path(sys.argv[1]))
