"""Where browsers put what they leave: in folders of the test's own."""

import os
import tempfile
from pathlib import Path

import pytest

from wsproxy.certs import Authority


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe: reading it waits for whoever writes, and for the last writer to be gone."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this process and its children, empty."""
    path = tmp_path / "scratch"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    # Nor are there others' proxies.
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    return path


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    return Authority.create(tmp_path / "ca").directory
