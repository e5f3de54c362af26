"""The ASGI application: REST, docs and admin through Django, sockets through `soukloop.realtime`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soukloop.settings")
django_application = get_asgi_application()

from soukloop.core.bodies import BodyLimit  # noqa: E402 - apps must be ready first
from soukloop.core.checks import refuse_unsafe_start  # noqa: E402

refuse_unsafe_start()

application = BodyLimit(django_application)
