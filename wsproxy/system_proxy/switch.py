"""
On, off, and what is on.

What was there before is written down (0600) before anything is changed, and forgotten after it is back. So
whatever crashes in between, `off` finds it. While a proxy is in the settings, a small process waits for its
end and switches it off then.
"""

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wsproxy import config
from wsproxy.certs import files
from wsproxy.children import own
from wsproxy.errors import WsproxyError
from wsproxy.store.processes import born, is_alive
from wsproxy.system_proxy.gnome import Gnome
from wsproxy.system_proxy.kde import Kde
from wsproxy.system_proxy.macos import MacOS
from wsproxy.system_proxy.settings import Settings, Values
from wsproxy.system_proxy.windows import Windows

KINDS: tuple[type[Settings], ...] = (Windows, MacOS, Kde, Gnome)
"""The first that is here is used."""

_LOOK = 0.5
"""Seconds between two looks whether the proxy still runs."""


@dataclass(frozen=True, slots=True)
class Switched:
    """What is on, and what was there before."""

    kind: str
    """The name of the settings."""
    host: str
    """Of the proxy."""
    port: int
    before: Values
    pid: int
    """The proxy's process."""
    born: str
    """When that began."""

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def has_proxy(self) -> bool:
        """Whether the proxy still runs."""
        return is_alive(self.pid) and (not self.born or born(self.pid) == self.born)


def state_file() -> Path:
    """Where it is written down."""
    return config.data_dir() / "system-proxy.json"


def current() -> Switched | None:
    """
    What is on, if anything is.

    Raises:
        WsproxyError: that cannot be read.
    """
    path = state_file()
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        return Switched(
            kind=str(values["kind"]),
            host=str(values["host"]),
            port=int(values["port"]),
            before={str(n): None if v is None else str(v) for n, v in values["before"].items()},
            pid=int(values["pid"]),
            born=str(values["born"]),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WsproxyError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WsproxyError(
            f"{path} cannot be understood, which says what the settings were before",
            "Look at the proxy settings of your system, then remove the file",
        ) from None


def here() -> Settings:
    """
    The settings of this system.

    Raises:
        WsproxyError: there are none that are known.
    """
    for kind in KINDS:
        if kind.is_here():
            return kind()
    raise WsproxyError(
        "no settings for a proxy were found here: neither those of GNOME or KDE, nor macOS, nor Windows",
        "`wsproxy browser` and `wsproxy exec` need none",
    )


def on(host: str, port: int, pid: int) -> Switched:
    """
    Put a proxy into the settings, until `off` or until it ends.

    Args:
        host, port: of the proxy.
        pid: of its process.

    Raises:
        WsproxyError: they cannot be changed; they are as they were before.
    """
    if current():
        off()
    settings = here()
    wanted = settings.wanted(host, port)
    switched = Switched(settings.name, host, port, settings.save(wanted), pid, born(pid))
    _remember(switched)
    try:
        settings.apply(wanted)
        not_taken = [name for name, value in settings.save(wanted).items() if value != wanted[name]]
        if not_taken:
            raise WsproxyError(
                f"{settings.title} did not take the setting {not_taken[0]}",
                "Is this a session of that desktop?",
            )
    except BaseException:
        off()
        raise
    _start_watching()
    return switched


def off() -> Switched | None:
    """
    Put back what was there before.

    Returns:
        What was on; None if nothing was.

    Raises:
        WsproxyError: it cannot be put back. It is still remembered.
    """
    switched = current()
    if switched is None:
        return None
    kind = next((kind for kind in KINDS if kind.name == switched.kind), None)
    if kind is None:
        raise WsproxyError(f"{state_file()} is of another version of wsproxy")
    kind().apply(switched.before)
    state_file().unlink(missing_ok=True)
    return switched


def watch() -> None:
    """Wait until the proxy that is on has ended, and switch it off, unless something else is on by then."""
    watched = current()
    while watched and watched.has_proxy:
        time.sleep(_LOOK)
        if current() != watched:
            return
    if watched:
        off()


def _remember(switched: Switched) -> None:
    path = state_file()
    try:
        config.private_dir(path.parent)
        files.publish(path, json.dumps(asdict(switched)).encode(), files.SECRET)
    except OSError as error:
        raise WsproxyError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None


def _start_watching() -> None:
    """A process of its own, which outlives this one and the terminal."""
    subprocess.Popen(
        own("wsproxy.system_proxy.switch"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=os.path.sep,
    )


if __name__ == "__main__":
    watch()
