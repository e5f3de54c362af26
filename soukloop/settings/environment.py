"""Where settings come from: the environment, `.env`, and what `make run` wrote."""

from pathlib import Path
from typing import Any

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")
env.read_env(BASE_DIR / ".local" / "env")  # written by `make run`; never overrides what is already set


def secret(name: str) -> Any:
    """Return a secret from the environment, else the one that `deploy.secrets` made in SECRETS_DIR, or ""."""
    made = Path(env.str("SECRETS_DIR", default="") or "/nonexistent") / name
    return env.str(name, default="") or (made.read_text().strip() if made.is_file() else "")
