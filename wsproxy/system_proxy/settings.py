"""What every kind of system is asked for: settings by name, read and written one at a time."""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from wsproxy.errors import WsproxyError

Values = dict[str, str | None]
"""By name; None is for what is not set. What a value looks like is the kind's own affair."""


class Settings(ABC):
    """The proxy settings of one kind of system."""

    name: ClassVar[str]
    """As in the file that remembers what was there."""
    title: ClassVar[str]
    """For people."""

    @classmethod
    @abstractmethod
    def is_here(cls) -> bool:
        """Whether this is such a system."""

    @abstractmethod
    def wanted(self, host: str, port: int) -> Values:
        """The settings that name the proxy and leave no host out."""

    @abstractmethod
    def read(self, name: str) -> str | None:
        """One setting as it is. Raises WsproxyError."""

    @abstractmethod
    def write(self, name: str, value: str | None) -> None:
        """Change one. Raises WsproxyError."""

    def announce(self) -> None:  # noqa: B027 - most need not
        """Tell running programs that something changed, where they do not notice by themselves."""

    def save(self, names: Mapping[str, object]) -> Values:
        """Settings as they are."""
        return {name: self.read(name) for name in names}

    def apply(self, values: Values) -> None:
        """
        Write settings in the order given, all that can be.

        Raises:
            WsproxyError: one of them could not, the first.
        """
        failed: list[WsproxyError] = []
        for name, value in values.items():
            try:
                self.write(name, value)
            except WsproxyError as error:
                failed.append(error)
        self.announce()
        if failed:
            raise failed[0]


def run(*command: str) -> str:
    """
    What a program of the system printed.

    Raises:
        WsproxyError: it is not there, or failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise WsproxyError(f"cannot run {command[0]}: {(error.strerror or str(error)).lower()}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise WsproxyError(f"{command[0]} failed: {said[-1]}", f"The call was `{' '.join(command)}`")
    return done.stdout
