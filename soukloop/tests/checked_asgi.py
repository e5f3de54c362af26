"""The ASGI application of the tests' server processes: the project's, which also checks what it sends."""

import pytest

import soukloop.asgi  # before the next one, because it sets up Django
from soukloop.realtime.testing import descriptions

descriptions.install(pytest.MonkeyPatch())
application = soukloop.asgi.application
