"""
What the benchmark needs to know of a proxy, and the place where nothing stands between.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

from tests.bench.peers.links import Door
from tests.bench.programs import Program

START_TIMEOUT = 60.0
"""Seconds until a proxy listens."""


class Unavailable(Exception):
    """A proxy cannot be run here; says why and how to change that."""


class Proxy(ABC):
    """
    One proxy program; may be started and stopped again and again.

    Args:
        folder: for its files; removed afterwards.
        origin: the origin's ports, by scheme.
        certificate: PEM file with a certificate and its key, for those without an authority.
    """

    name: ClassVar[str]
    intercepts: ClassVar[bool] = True
    """It reads messages, and has an authority of its own."""
    special: ClassVar[bool] = False
    """Only for loads that name it."""
    tunnel: ClassVar[bool] = True
    """Clients ask it with CONNECT."""

    def __init__(self, folder: Path, origin: Mapping[str, int], certificate: Path) -> None:
        self.folder = folder
        self.origin = origin
        self.certificate = certificate
        self.ports: dict[str, int] = {}
        self.program: Program | None = None

    @abstractmethod
    def version(self) -> str:
        """
        Its name and version.

        Raises:
            Unavailable: it cannot be run here.
        """

    @abstractmethod
    def launch(self) -> tuple[Program, dict[str, int]]:
        """Start it; returns it and its ports by scheme, once it listens."""

    def start(self) -> None:
        """
        Start it.

        Raises:
            ProgramFailed: it does not listen.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program, self.ports = self.launch()

    def stop(self) -> None:
        """End it and everything it has started."""
        if self.program:
            self.program.stop()
            self.program = None

    @property
    def pid(self) -> int | None:
        """Of the process whose work is measured."""
        return self.program.pid if self.program else None

    def door(self, scheme: str) -> dict[str, object]:
        """The way through it, for the client."""
        return asdict(Door(self.ports[scheme], self.origin[scheme], scheme == "wss", self.tunnel))


class Direct(Proxy):
    """No proxy: the limit of everything."""

    name = "direct"
    intercepts = False
    tunnel = False

    def version(self) -> str:
        return "no proxy"

    def launch(self) -> tuple[Program, dict[str, int]]:
        raise NotImplementedError

    def start(self) -> None:
        self.ports = dict(self.origin)
