"""A running proxy, as its clients must know it."""

from dataclasses import dataclass
from pathlib import Path

from wsproxy.certs.authority import CERTIFICATE_FILE
from wsproxy.control.client import Client, find
from wsproxy.control.messages import StatusInfo
from wsproxy.errors import ControlError

_FOR_CLIENTS = ("regular", "upstream")
"""Modes in which it takes clients that know they talk to a proxy, by HTTP."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is, and what it signs with."""

    host: str
    """For clients on this machine."""
    port: int
    certificate: Path
    """Of its authority, PEM."""
    capture: Path

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class NotForClients(ControlError):
    """A proxy runs, but in modes of which HTTP clients know nothing."""


def running(port: int | None = None) -> tuple[Proxy, Client]:
    """
    The running proxy, and how it is asked.

    Args:
        port: where it listens; None for the only one.

    Raises:
        NotForClients: it takes no HTTP clients.
        ControlError: there is none, or there are several.
    """
    client = Client(find(port))
    status = client.status()
    options = {option["name"]: option["value"] for option in client.options()}
    host, number = _address(status, options["listen_port"], port)
    # One that listens everywhere is reached here.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}.get(host, host)
    confdir = Path(str(options["confdir"])).expanduser()
    return Proxy(host, number, confdir / CERTIFICATE_FILE, Path(status["capture"])), client


def _address(status: StatusInfo, usual: object, wanted: int | None) -> tuple[str, int]:
    """Where it takes HTTP clients: `(host, port)`."""
    listening = [_split(address) for address in status["listen"]]
    modes = status["modes"]
    for mode in modes:
        name, _, place = mode.partition("@")
        if name.partition(":")[0] not in _FOR_CLIENTS:
            continue
        # `upstream:http://user@host:3128@8081` and `regular@127.0.0.1:8081` have the port last.
        last = place.rpartition("@")[2].rpartition(":")[2]
        port = int(last) if last.isdigit() and not name.startswith("upstream") else usual
        there = [found for found in listening if found[1] == port]
        if not there and len(modes) == 1:
            there = listening
        if wanted is not None:
            there = [found for found in there if found[1] == wanted] or there
        if there:
            return there[0]
    raise NotForClients(
        f"the running proxy ({', '.join(modes)} on {', '.join(status['listen']) or 'nothing'}) takes no "
        "clients by HTTP",
        "Start one in regular mode: `wsproxy dump -p 8081`",
    )


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
