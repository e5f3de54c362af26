#!/usr/bin/env python
"""Run Django's management commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soukloop.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured:
        if os.environ.get(
            "SECRET_KEY"
        ):  # the settings have read `.env` and `.local/env` into the environment
            raise
        sys.exit(
            "SECRET_KEY isn't set. Run `make run` once: it writes .local/env, which sets it and DATABASE_URL."
        )
