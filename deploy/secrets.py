"""Make the secrets of the containers at their first start: python -m deploy.secrets DIRECTORY"""

import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

# 32 random bytes are a private key of the curve P-256.
MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_hex(32),
    "MEDIA_SECRET": lambda: secrets.token_hex(32),
    "VAPID_PRIVATE_KEY": lambda: urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
}


def make_missing(directory: Path) -> None:
    """Write a random value into a file for each name that has none yet; only its owner may read it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        path = directory / name
        if path.exists():
            continue
        draft = directory / f".{name}"
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(make())
        draft.replace(path)


if __name__ == "__main__":
    make_missing(Path(sys.argv[1]))
