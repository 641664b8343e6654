"""
End to end: the program as people run it, between real peers.

    WSPROXY_TEST_MATRIX=full   every test under all its circumstances, not only in every pair of them
    WSPROXY_TEST_MATRIX=thin   every test in each of its circumstances, in whatever company
"""

import os
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.lab import MakeLab, lab_maker
from tests.support.matrix import covering


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `tests.support.matrix` does, unless a single test was asked for."""
    wanted = os.environ.get("WSPROXY_TEST_MATRIX")
    if wanted == "full" or any("[" in argument for argument in config.args):
        return
    families: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if Path(__file__).parent in item.path.parents and hasattr(item, "callspec"):
            families[item.nodeid.partition("[")[0]].append(item)
    left_out: list[pytest.Item] = []
    for family in families.values():
        given = [item.callspec.params for item in family]  # type: ignore[attr-defined]
        choices = [{name: repr(value) for name, value in choice.items()} for choice in given]
        kept = covering(choices, together=1 if wanted == "thin" else 2)
        left_out += [item for number, item in enumerate(family) if number not in kept]
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]
    config.hook.pytest_deselected(items=left_out)


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
