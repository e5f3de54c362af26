"""Where settings come from: the environment, `.env`, and what `make run` wrote."""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")
env.read_env(BASE_DIR / ".local" / "env")  # written by `make run`; never overrides what is already set
