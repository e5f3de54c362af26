"""The ASGI application of the tests' server processes: the project's, which also checks what it sends."""

import gc

import pytest

gc.disable()  # until all is imported, which tests wait for a hundred times

import soukloop.asgi  # noqa: E402 - before the next one, because it sets up Django
from soukloop.realtime.testing import descriptions  # noqa: E402

gc.enable()
descriptions.install(pytest.MonkeyPatch())
application = soukloop.asgi.application
