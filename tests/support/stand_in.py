"""Small programs that stand in for browsers, where those must misbehave on command."""

import json
import sys
from pathlib import Path

UNTIL_CLOSED = "signal.pause()"


def stand_in(directory: Path, body: str, name: str = "browser") -> Path:
    """A program that does `body` (Python), with the switches it was given in `arguments`."""
    path = directory / name
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, signal, subprocess, sys\n"
        "arguments = sys.argv[1:]\n"
        f"{body}\n"
    )
    path.chmod(0o755)
    return path


def telling(directory: Path, place: Path, name: str = "browser") -> Path:
    """One that writes its switches to `place`, and ends."""
    return stand_in(directory, f"pathlib.Path({str(place)!r}).write_text(json.dumps(arguments))", name)


def switch(arguments: list[str], name: str) -> str:
    """The value of the one switch with this name."""
    [value] = [a.removeprefix(f"--{name}=") for a in arguments if a.startswith(f"--{name}=")]
    return value


def arguments_of(place: Path) -> list[str]:
    """What a stand-in wrote; waits for it if that is a named pipe."""
    arguments: list[str] = json.loads(place.read_text())
    return arguments
