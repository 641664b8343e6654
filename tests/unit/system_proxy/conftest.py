"""Stand-ins for the systems that are not here: programs that keep what they are told."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Store = dict[str, Any]
Program = Callable[[Store, list[str]], str]
"""What it keeps, and its arguments; returns what it prints."""


class Programs:
    """
    The programs of a system, called without a process: there are dozens of calls.

    Args:
        folder: the only one on PATH.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = monkeypatch
        self.store: Store = {}

    def install(self, module: ModuleType, **programs: Program) -> None:
        """Let a module that calls `run` find `programs`."""

        def run(name: str, *words: str) -> str:
            return programs[name.replace("-", "_")](self.store, list(words))

        self._patch.setattr(module, "run", run)
        for name in programs:
            path = self._folder / name
            path.write_text("")
            path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """None yet, and a home of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    return Programs(folder, monkeypatch)
