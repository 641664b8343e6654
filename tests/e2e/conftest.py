"""
End to end: the program as people run it, between real peers.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.lab import MakeLab, lab_maker


@pytest.fixture(autouse=True)
async def no_client_left_open() -> AsyncIterator[None]:
    yield
    await raw.close_clients()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the proxy's CA is made, once for all tests with an engine in their own process."""
    return tmp_path_factory.mktemp("authority")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Path) -> MakeLab:
    """Makes a `Lab`: the engine in the test's own loop, between bare peers."""
    return lab_maker(tmp_path, monkeypatch, authority)
