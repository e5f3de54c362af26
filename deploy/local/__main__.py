"""Refuses a Python that is too old in one sentence, or runs a command."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the newer grammar of the other modules is read only after this
    sys.exit(
        f"Souk Loop needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}: "
        "name a newer one, for example `make run PYTHON=python3.12`."
    )

from deploy.local.cli import main

sys.exit(main(sys.argv[1:]))
