"""`wsproxy doctor`: check everything a proxy needs, and say what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.ca import CONFDIR, folder
from wsproxy.cli.output import color_option, json_option

if TYPE_CHECKING:
    from wsproxy.doctor.check import Check

_COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}
_INDENT = " " * 17
"""To the third column."""


@click.command()
@click.option(
    "-p",
    "--listen-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    default=8080,
    show_default=True,
    help="The port where the proxy listens, or shall listen.",
)
@click.option("--listen-host", default="127.0.0.1", show_default=True, help="The address where it listens.")
@CONFDIR
@json_option("Print one JSON object a check.")
@color_option
def doctor(listen_port: int, listen_host: str, confdir: Path | None, as_json: bool, color: str) -> None:
    """
    Check versions, port, authority, trust, clock, browser and terminal; send a message over ws and wss.

    The message goes through the proxy that runs on the port, and is in its capture then; where none runs,
    through one that is started for the check. Nothing is changed.

    \b
    Examples:
      wsproxy doctor
      wsproxy doctor -p 9000
      wsproxy doctor --json | jq 'select(.state == "wrong")'

    Exit codes: 0 nothing is wrong (notes may be there), 1 something is, 2 wrong usage.
    """
    import json
    from dataclasses import asdict

    from wsproxy.cli import output

    colored = output.use_color(color)
    wrong = 0
    for found in _checks(listen_host, listen_port, folder(confdir)):
        wrong += found.state == "wrong"
        output.emit(f"{json.dumps(asdict(found))}\n" if as_json else _line(found, colored), colored)
    if wrong:
        output.say(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.")
        raise click.exceptions.Exit(1)
    output.say("Nothing is wrong.")


def _checks(host: str, port_number: int, confdir: Path) -> Iterator["Check"]:
    """One after the other, as they are made."""
    import asyncio

    from wsproxy.doctor import authority, browser, clock, port, roundtrip, terminal, versions

    yield versions.check()
    yield terminal.check()
    about_authority, found = authority.check(confdir)
    yield clock.check(found.certificate.not_valid_before_utc if found else None)
    yield about_authority
    if found:
        yield from authority.trust(found)
    yield browser.check()
    yield port.check(host, port_number)
    usable = confdir if found else None
    yield from asyncio.run(roundtrip.check(port.running_on(port_number), usable))


def _line(found: "Check", colored: bool) -> str:
    from wsproxy.decoders.text import printable

    state = click.style(f"{found.state:<5}", fg=_COLOURS[found.state]) if colored else f"{found.state:<5}"
    lines = [f"{state}  {found.check:<10}{printable(found.found)}"]
    if found.advice:
        lines.append(f"{_INDENT}{printable(found.advice)}")
    return "".join(f"{line}\n" for line in lines)
