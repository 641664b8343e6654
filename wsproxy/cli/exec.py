"""`wsproxy exec`: run a program through the proxy."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy import throwaway
from wsproxy.cli.output import say
from wsproxy.errors import ControlError, UsageError

if TYPE_CHECKING:
    from wsproxy.clients.proxy import Proxy
    from wsproxy.control.client import Client

_PREFIX = "wsproxy-exec-"
"""Of folders for the time of a run."""

ASIDE = (
    "If the program does use WebSockets, its client knows no proxies: `wsproxy help clients` has other ways, "
    "such as `wsproxy dump -m reverse:https://HOST` and the address of that in place of wss://HOST."
)


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.option(
    "-p",
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Use the running proxy on this port. [default: the running one, else one of its own]",
)
@click.option("--own", is_flag=True, help="Start a proxy for this run, even if one is running.")
@click.option(
    "-w", "--write", metavar="FILE",
    help="Its own proxy captures to FILE (+FILE appends). [default: a new file in your captures]",
)  # fmt: skip
@click.option("--discard", is_flag=True, help="Keep no capture of its own proxy.")
@click.option("-k", "--ssl-insecure", is_flag=True, help="Its own proxy accepts any certificate.")
@click.option(
    "-s", "--script", "scripts", multiple=True, metavar="PATH|NAME",
    help="Its own proxy loads an addon; as with `wsproxy dump`.",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="An option of its own proxy; as with `wsproxy dump`.",
)  # fmt: skip
@click.option("--no-preload", is_flag=True, help="Leave Node.js to look for the proxy by itself.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(
    port: int | None,
    own: bool,
    write: str | None,
    discard: bool,
    ssl_insecure: bool,
    scripts: tuple[str, ...],
    settings: tuple[str, ...],
    no_preload: bool,
    quiet: bool,
    command: tuple[str, ...],
) -> None:
    """
    Run COMMAND so that it goes through the proxy and trusts it.

    It gets the variables that the common runtimes read: proxy, loopback included, and certificate
    authority, the usual ones and ours. Node.js is helped further (`wsproxy help clients`). Nothing
    else on the machine is changed, and nothing is left behind.

    Without a running proxy it gets one of its own, on a free port, as long as it runs. The exit
    status is that of COMMAND; 127 if there is no such program, 126 if it cannot be run.

    \b
    Examples:
      wsproxy exec node server.js
      wsproxy exec -p 9000 -- python client.py --verbose
      wsproxy exec -w session.wsp -- npm test
      wsproxy exec --discard -- sh -c 'curl -s https://example.com | wc -c'
    """
    from wsproxy.clients import command as program

    for_own = {
        "--write": write, "--discard": discard, "--ssl-insecure": ssl_insecure, "--script": scripts,
        "--set": settings,
    }  # fmt: skip
    given = [name for name, value in for_own.items() if value]
    if own and port is not None:
        raise UsageError("--own and --port exclude each other", "--own takes a free port")
    if write and discard:
        raise UsageError("--write and --discard exclude each other")
    if port is not None and given:
        raise UsageError(
            f"{given[0]} is for a proxy of its own, and --port names one that runs already",
            "Leave one of them out",
        )
    program.look_up(command, os.environ)
    options = {"ssl_insecure": ssl_insecure, "scripts": scripts, "settings": settings}
    with contextlib.ExitStack() as stack:
        found = None if own or given else _running(port, quiet)
        if found:
            proxy = stack.enter_context(_watched(*found, quiet))
        else:
            proxy = stack.enter_context(_own(write, discard, quiet, options))
        folder = stack.enter_context(throwaway.folder(_PREFIX))
        environment = {**os.environ, **setting(proxy, folder, preload=not no_preload)}
        # Should we be killed, it may go on.
        status = program.run(command, environment, lambda pid: throwaway.used_too(folder, pid))
    program.end_as(status)
    raise click.exceptions.Exit(status)


def setting(proxy: "Proxy", folder: Path, *, preload: bool = True) -> dict[str, str]:
    """
    The variables for `proxy`, over the environment as it was before `wsproxy env`.

    Args:
        folder: for files that they name.
        preload: whether Node.js is given its preload.
    """
    from wsproxy.clients.variables import variables

    return variables(
        proxy.host, proxy.port, proxy.certificate, folder, preload=preload, before=untouched(os.environ)
    )


def untouched(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what `wsproxy env` has set in it."""
    from wsproxy.clients import shells

    found = dict(environment)
    with contextlib.suppress(UsageError):
        for name, value in shells.way_back(environment).items():
            found.pop(name, None)
            if value is not None:
                found[name] = value
    return found


def _running(port: int | None, quiet: bool) -> "tuple[Proxy, Client] | None":
    """The running proxy, or None where one of its own is to be started."""
    from wsproxy.clients.proxy import NotForClients, running
    from wsproxy.control import runfile

    if port is None and not runfile.running():
        return None
    try:
        return running(port)
    except NotForClients as error:
        if port is not None:
            raise
        if not quiet:
            say(f"wsproxy: {error.message}")
        return None


@contextmanager
def _watched(proxy: "Proxy", client: "Client", quiet: bool) -> Iterator["Proxy"]:
    """Through a running proxy; says afterwards what came."""

    def count() -> int:
        return client.status()["connections"]["recorded"]

    if not quiet:
        say(f"wsproxy: through {proxy.address}, which records to {proxy.capture}")
    before = count()
    yield proxy
    if not quiet:
        # It may have ended meanwhile, and said so itself.
        with contextlib.suppress(ControlError):
            _sum_up(count() - before, proxy.capture)


@contextmanager
def _own(write: str | None, discard: bool, quiet: bool, options: Mapping[str, object]) -> Iterator["Proxy"]:
    """Through one of its own; says where it records, and afterwards what came."""
    from wsproxy.cli.own_proxy import own_proxy
    from wsproxy.cli.running import capture_target

    with contextlib.ExitStack() as stack:
        if discard:
            folder = stack.enter_context(throwaway.folder(_PREFIX))
            path, append = folder / "discarded.wsp", False
        else:
            path, append = capture_target(write)
        before = _connections(path) if append else 0
        try:
            with own_proxy(path, append, **options) as proxy:
                if not quiet:
                    where = "keeps no capture" if discard else f"records to {path}"
                    say(f"wsproxy: through a proxy of its own on {proxy.address}, which {where}")
                yield proxy
        finally:
            came = _connections(path) - before if path.exists() else 0
            if not came and not append and write is None:
                # A file with nothing in it is only in the way.
                path.unlink(missing_ok=True)
        if not quiet:
            _sum_up(came, None if discard else path)


def _connections(path: Path) -> int:
    from wsproxy.store.reader import Reader

    with Reader(path) as reader:
        return len(reader.connections())


def _sum_up(came: int, capture: Path | None) -> None:
    from wsproxy.words import count

    if not came:
        say(f"wsproxy: no WebSocket came through the proxy. {ASIDE}")
        return
    shows = "shows it" if came == 1 else "shows them"
    more = f"; `wsproxy log {capture}` {shows}" if capture else ""
    say(f"wsproxy: {count(came, 'WebSocket')} came through the proxy{more}")
