"""A place for the capture, and a port where nobody is."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a test makes the session that is replayed."""
    return tmp_path / "session.wsp"


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port nobody listens on: it is bound, and stays so, but refuses connections."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
