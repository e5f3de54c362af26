"""An instance of its own for each test."""

from collections.abc import Iterator

import pytest

from deploy.local.places import Instance
from deploy.tests.instances import NAME, temporary_instance


@pytest.fixture
def instance() -> Iterator[Instance]:
    with temporary_instance(NAME) as made:
        yield made
