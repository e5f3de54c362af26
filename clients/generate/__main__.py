"""Write the generated files of `clients/` that have changed, and compile the TypeScript client."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soukloop.settings")
django.setup()

from clients.generate.files import ROOT, generated_files  # noqa: E402 - Django must be set up first
from clients.generate.typescript import compile_client  # noqa: E402

for path, content in generated_files().items():
    file = ROOT / path
    if not file.exists() or file.read_text() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        print(f"wrote {path}")

compile_client(ROOT / "clients/typescript/dist")
