"""
The Autobahn test suite finds the same faults, and none, with the proxy in between.

These are cases that take seconds; `autobahn/run.py` runs all of them on every path.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.autobahn import capture, cases, compare, runs
from tests.e2e.autobahn.equipment import Equipment, equip
from tests.e2e.autobahn.tools import PythonMissing

# The first run installs the suite.
pytestmark = [pytest.mark.alike, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def equipment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Equipment]:
    try:
        yield equip(tmp_path_factory.mktemp("autobahn"))
    except PythonMissing as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("fuzzer", runs.DIRECTIONS)
@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param("brief", 91, marks=pytest.mark.slow),
        pytest.param("core", 247, marks=pytest.mark.long),
    ],
)
def test_both_ends_of_every_case_see_what_they_see_without_the_proxy(
    fuzzer: str, name: str, count: int, equipment: Equipment, tmp_path: Path
) -> None:
    wanted = cases.patterns(name)

    direct = runs.run(fuzzer, runs.Way("direct", "ws"), wanted, equipment, tmp_path / "direct")
    proxied = runs.run(fuzzer, runs.Way("connect", "ws"), wanted, equipment, tmp_path / "proxied")

    assert len(direct.order) == count
    assert {view["behavior"] for view in direct.fuzzer.values()} == {"OK", "INFORMATIONAL"}
    assert [str(difference) for difference in compare.differences(direct, proxied)] == []
    assert capture.faults(proxied) == []
