import pytest

from notifications.kinds import KINDS
from notifications.tests.factories import PLAIN, REPLACING


@pytest.fixture
def test_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare the kinds that only tests have."""
    for kind in (PLAIN, REPLACING):
        monkeypatch.setitem(KINDS, kind.name, kind)
