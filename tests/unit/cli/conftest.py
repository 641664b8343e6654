"""What all tests of the command line share: a home of their own, and a clock in UTC."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wsproxy.cli.main import main


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own place for everything, empty."""
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def captures_dir(home: Path) -> Path:
    """The captures folder, empty."""
    folder = home / "captures"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local times are UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def wsproxy(home: Path, utc: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command with these words, not on a terminal."""
    for name in ("COLUMNS", "NO_COLOR", "WSPROXY_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words])

    return run
