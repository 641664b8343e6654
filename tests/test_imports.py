"""
What imports what, proved where it happens: in a fresh interpreter.

The contracts in `pyproject.toml` see the static graph; imports inside functions only show when they run.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def imported_by(statement: str) -> set[str]:
    """The modules a fresh interpreter has loaded after `statement`, packages by their name."""
    script = f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return {part for name in done.stdout.splitlines()[-1].split() for part in (name, name.partition(".")[0])}


def test_wire_needs_no_event_loop_no_database_and_no_proxy() -> None:
    found = imported_by(
        "import wsproxy.wire.relay, wsproxy.wire.handshake, wsproxy.wire.messages, wsproxy.wire.encode"
    )
    assert "wsproxy.wire.relay" in found
    assert not found & {"asyncio", "sqlite3", "mitmproxy", "ssl", "wsproxy.store", "wsproxy.engine"}


def test_store_needs_no_event_loop_and_no_proxy() -> None:
    found = imported_by("import wsproxy.store.recorder, wsproxy.store.tail")
    assert "sqlite3" in found
    assert not found & {"asyncio", "mitmproxy", "tornado", "textual", "rich", "click", "wsproxy.engine"}


def test_writing_addons_needs_no_event_loop_and_no_proxy() -> None:
    found = imported_by(
        "from wsproxy import addon\naddon.Message, addon.Connection, addon.Manager, addon.Options"
    )
    assert {"wsproxy.addon.message", "wsproxy.addon.manager"} <= found
    assert not found & {"asyncio", "mitmproxy", "websockets.client", "pyparsing", "tornado"}
    assert "wsproxy.addon.message" not in imported_by("from wsproxy import addon")


HEAVY = {"mitmproxy", "textual", "tornado", "socketio", "wsproxy.engine"}


def imported_by_command(*arguments: str) -> set[str]:
    return imported_by(
        f"sys.argv = {['wsproxy', *arguments]!r}\n"
        "from wsproxy.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as e: assert not e.code, e.code"
    )


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_command_answers_at_once(option: str) -> None:
    found = imported_by_command(option)
    assert "wsproxy.cli.main" in found
    assert not found & (HEAVY | {"asyncio", "cryptography", "sqlite3", "rich"})


@pytest.mark.parametrize(
    "command", ["tui", "dump", "log", "info", "filters", "captures", "addons", "ca", "ctl", "diff"]
)
def test_the_help_of_a_command_needs_no_proxy(command: str) -> None:
    found = imported_by_command(command, "--help")
    assert f"wsproxy.cli.{command}" in found
    assert not found & HEAVY


def test_the_layers_import_only_what_is_below_them() -> None:
    program = Path(sysconfig.get_path("scripts"), "lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_running_proxy_is_asked_without_one() -> None:
    found = imported_by("import wsproxy.control.client, wsproxy.cli.ctl_held, wsproxy.cli.ctl_connections")
    assert "wsproxy.control.client" in found
    assert not found & (HEAVY | {"asyncio", "cryptography", "sqlite3"})
