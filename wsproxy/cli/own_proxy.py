"""
A proxy for the time of one command, in a process of its own.

It stops when our end of its stdin is closed, so it never outlives us, however we end. It is in a session of
its own: Ctrl-C in the terminal is for the command. What it has to say goes to stderr as it is said.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsproxy.children import own
from wsproxy.errors import WsproxyError

if TYPE_CHECKING:
    from wsproxy.clients.proxy import Proxy
    from wsproxy.engine.master import Engine

_GRACE = 10.0
"""Seconds it has to write the rest of its capture."""


@contextmanager
def own_proxy(capture: Path, append: bool = False, **options: Any) -> Iterator["Proxy"]:
    """
    A proxy on a free port of loopback, for the time of the block.

    Args:
        capture: what it writes.
        append: whether to.
        options: others of `EngineOptions`.

    Raises:
        WsproxyError: it cannot start; with its reason and its exit code.
    """
    from wsproxy.clients.proxy import Proxy

    process = subprocess.Popen(
        own("wsproxy.cli.own_proxy"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        asked = {"capture": str(capture), "append": append, "listen_port": 0, **options}
        # It may be gone already; then it does not answer either.
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise WsproxyError("the proxy ended before it had started", "`wsproxy dump` may tell why")
        told = json.loads(answer)
        if "error" in told:
            error = WsproxyError(told["error"], told["hint"])
            error.exit_code = told["exit_code"]
            raise error
        yield Proxy(told["host"], told["port"], Path(told["certificate"]), capture)
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _main() -> None:
    """The other process: options on the first line of stdin, where it listens on stdout."""
    from wsproxy.cli.running import in_foreground, serve
    from wsproxy.engine.master import EngineOptions

    asked = json.loads(sys.stdin.readline())
    for name in ("scripts", "settings", "only", "ignore"):
        asked[name] = tuple(asked.get(name, ()))
    options = EngineOptions(**{**asked, "capture": Path(asked["capture"])})

    def ready(engine: "Engine") -> None:
        host, port = engine.addresses[0]
        _answer(host=host, port=port, certificate=str(engine.authority.certificate_path))
        threading.Thread(target=until_alone, args=(engine,), daemon=True).start()

    def until_alone(engine: "Engine") -> None:
        sys.stdin.read()
        engine.stop()

    try:
        in_foreground(serve(options, ready))
    except WsproxyError as error:
        _answer(error=error.message, hint=error.hint, exit_code=error.exit_code)


def _answer(**values: Any) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    _main()
