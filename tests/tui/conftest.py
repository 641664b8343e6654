"""A home of nobody's, and clocks that show the same everywhere."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ON_EVERY_PYTHON = {"test_index.py", "test_new_sockets.py", "test_states.py", "test_terminal.py"}
"""How screens get on with databases, sockets and terminals; the others are about what Textual draws."""


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.path.name not in ON_EVERY_PYTHON:
        item.add_marker("alike")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where settings, history and run files go."""
    folder = tmp_path / "home"
    monkeypatch.setenv("WSPROXY_HOME", str(folder))
    return folder


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
