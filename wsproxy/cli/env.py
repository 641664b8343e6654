"""`wsproxy env`: set a shell up, so that what is started in it goes through the proxy."""

import os
import sys
from pathlib import Path

import click

from wsproxy.errors import UsageError

_SHELLS = ("sh", "fish", "powershell", "dotenv")


@click.command()
@click.option(
    "-p",
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="The proxy on this port, where several run.",
)
@click.option(
    "--shell",
    type=click.Choice(_SHELLS),
    help="The syntax: sh is for bash and zsh as well, dotenv for .env files. [default: that of your shell]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option("--unset", is_flag=True, help="Print what takes it all back.")
@click.option("--no-preload", is_flag=True, help="Leave Node.js to look for the proxy by itself.")
def env(port: int | None, shell: str | None, as_json: bool, unset: bool, no_preload: bool) -> None:
    """
    Print the variables that send the programs of a shell through the running proxy.

    They are those of `wsproxy exec`, for as long as the shell lives. The files they name, which hold
    certificates and nothing secret, are kept in your settings.

    \b
    Examples:
      eval "$(wsproxy env)"                        bash, zsh
      eval "$(wsproxy env --unset)"                back to what it was
      wsproxy env | source                         fish
      wsproxy env | Out-String | Invoke-Expression PowerShell
      wsproxy env --shell dotenv > .env            a file for other tools
    """
    import json

    from wsproxy.cli.exec import setting
    from wsproxy.cli.output import emit, say
    from wsproxy.clients import shells
    from wsproxy.clients.proxy import running

    shell = shell or _usual()
    values: shells.Values
    if unset:
        values = shells.way_back(os.environ)
    else:
        proxy, _ = running(port)
        wanted = setting(proxy, _folder(proxy.port), preload=not no_preload)
        values = wanted if shell == "dotenv" or as_json else shells.with_way_back(wanted, os.environ)
    if as_json:
        emit(json.dumps(values) + "\n")
        return
    if unset and shell == "dotenv":
        raise UsageError("a .env file cannot take variables away", "Remove the lines from it")
    emit(shells.written(values, shell))
    if sys.stdout.isatty() and not unset:
        say("")
        say("# Let your shell read this: " + _how(shell))


def _folder(port: int) -> Path:
    """For files that variables name; one for each port, as other shells may be using theirs."""
    from wsproxy import config
    from wsproxy.errors import WsproxyError

    folder = config.config_dir() / "env" / str(port)
    try:
        return config.private_dir(folder)
    except OSError as error:
        raise WsproxyError(f"cannot make {folder}: {(error.strerror or str(error)).lower()}") from error


def _usual() -> str:
    if os.environ.get("SHELL", "").rpartition("/")[2] == "fish":
        return "fish"
    return "powershell" if sys.platform == "win32" and "SHELL" not in os.environ else "sh"


def _how(shell: str) -> str:
    return {
        "sh": 'eval "$(wsproxy env)"',
        "fish": "wsproxy env --shell fish | source",
        "powershell": "wsproxy env --shell powershell | Out-String | Invoke-Expression",
        "dotenv": "redirect it into a file",
    }[shell]
