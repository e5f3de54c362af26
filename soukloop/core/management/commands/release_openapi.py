"""Write the OpenAPI description of this version, which the next ones are compared with."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from soukloop import __version__
from soukloop.core.http.openapi import openapi_document


class Command(BaseCommand):
    help = "Write docs/api/openapi-<version>.json; run it when a version is released."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "api" / f"openapi-{__version__}.json"
        document = {name: part for name, part in openapi_document().items() if name != "servers"}
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        self.stdout.write(f"Wrote {path}")
