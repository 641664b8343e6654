"""
For all tests: how hard Hypothesis looks, what a second Python looks at, and an environment that is nobody's.

    HYPOTHESIS_PROFILE=fast   the default: few examples, the same ones every time
    HYPOTHESIS_PROFILE=brief  fewer still, where another Python has tried the others
    HYPOTHESIS_PROFILE=deep   many examples, other ones every time
    WSPROXY_TEST_MATRIX=thin  of tests that are `ALIKE` one in each file, where another Python has tried all;
                              see `tests/e2e/conftest.py`, too
    WSPROXY_TEST_FAST_PATH=false   every proxy that is started keeps its frames on the layer
    WSPROXY_TEST_SPAWN=exec   no proxy is forked (`tests.support.forking`), Python is started for each
    PYTEST_DEBUG_TEMPROOT=/tmp     what tests write goes there, not into memory (`tests.support.scratch`)
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import forking, scratch

settings.register_profile("fast", max_examples=50, deadline=None, derandomize=True, database=None)
settings.register_profile("brief", settings.get_profile("fast"), max_examples=15)
settings.register_profile(
    "deep", max_examples=5000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

_HERE = Path(__file__).parent
_PROXIES = {"http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy"}

# At import, before any fixture: children of the tests inherit it, and so do the workers of pytest-xdist.
for _name in list(os.environ):
    ours = _name.startswith("WSPROXY_") and not _name.startswith("WSPROXY_TEST_")
    if ours or _name.lower() in _PROXIES:
        del os.environ[_name]


# Before pytest looks.
scratch.in_memory()


def pytest_configure() -> None:
    forking.install()


ALIKE = ("alike", "browser")
"""
Markers of tests that are left out on a second Python, but for one in each file.

What goes through mitmproxy, asyncio, ssl or sqlite3 is none of them: those differ from one Python to the
next, and it is tried on both. What browsers, clients in other languages, desktops and stores of systems make
of us is the same, and so is what the same Textual draws.
"""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long comes first: at the end one worker would wait for the other."""
    items.sort(key=lambda item: not _is_slow(item))
    if os.environ.get("WSPROXY_TEST_MATRIX") == "thin" and not any("::" in word for word in config.args):
        _leave_out_what_is_alike(config, items)


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _leave_out_what_is_alike(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All but the first in each file; not one of those that take long, if there is another."""
    alike = [item for item in items if any(map(item.get_closest_marker, ALIKE))]
    first = {item.path: item for item in sorted(reversed(alike), key=lambda item: not _is_slow(item))}
    left_out = {item for item in alike if first[item.path] is not item}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Whoever runs many tests needs it soon."""
    wanted = not session.config.option.collectonly
    if wanted and any(item.path.is_relative_to(_HERE / "e2e") for item in session.items):
        forking.start()


def pytest_unconfigure() -> None:
    forking.stop()


@pytest.fixture
def started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m wsproxy` is started by the test, not forked: for tests about how it starts and ends."""
    monkeypatch.setenv(forking.SPAWN, "exec")


MAY_BE_SKIPPED = (
    "Python 2.7",
    "Firefox is not installed",
    "KDE's settings are not installed",
    "only root on Linux can make a machine of its own",
    "the same on every Python: the newest tries it",
    "for local capture",
    "mitmproxy has no local capture on Linux before version 12",
)
"""Reasons that may stand in continuous integration: what may not be had where it runs."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In continuous integration a skipped test is a failure: it would hide a missing install step."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None or hasattr(session.config, "workerinput"):
        return
    skipped = [
        report
        for report in reporter.stats.get("skipped", [])
        if not any(reason in str(report.longrepr) for reason in MAY_BE_SKIPPED)
    ]
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"{len(skipped)} skipped tests are failures here (CI is set)", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
