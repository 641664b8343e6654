"""
The `wsproxy` command: its subcommands, and the one place where failures become words.

Exit codes: 0 fine, 1 the answer is "no", 2 wrong usage, 3 the environment failed, 130 Ctrl-C.
"""

import os
import re
import sys
from typing import Any, NoReturn

import click

from wsproxy.cli import filtering, output
from wsproxy.cli.lazy import LazyGroup
from wsproxy.errors import FilterError, WsproxyError

COMMANDS = {
    "tui": ("wsproxy.cli.tui:tui", "Run the proxy and watch it in the terminal."),
    "view": ("wsproxy.cli.tui:view", "Look at a capture in the terminal UI."),
    "attach": ("wsproxy.cli.tui:attach", "Watch a running proxy in the terminal UI."),
    "dump": ("wsproxy.cli.dump:dump", "Run the proxy and print every frame."),
    "demo": ("wsproxy.cli.demo:demo", "See it work: a built-in server, the proxy, live frames."),
    "ctl": ("wsproxy.cli.ctl:ctl", "Control a running proxy: hold, edit, send, close."),
    "browser": ("wsproxy.cli.browser:browser", "Open a browser that goes through the proxy."),
    "exec": ("wsproxy.cli.exec:exec_", "Run a program that goes through the proxy."),
    "env": ("wsproxy.cli.env:env", "Print variables that send a shell's programs through it."),
    "system-proxy": ("wsproxy.cli.system_proxy:system_proxy", "Put the proxy into the system's settings."),
    "log": ("wsproxy.cli.log:log", "Print the frames of a capture."),
    "info": ("wsproxy.cli.info:info", "Show what is in a capture, in numbers."),
    "filters": ("wsproxy.cli.filters:filters", "List the operators of filters; save your own."),
    "replay": ("wsproxy.cli.replay:replay", "Say again what a client said."),
    "calls": ("wsproxy.cli.calls:calls", "Show the calls in a capture and how they were answered."),
    "diff": ("wsproxy.cli.diff:diff", "Show what is different between two captures."),
    "mock": ("wsproxy.cli.mock:mock", "Act as the server of a capture."),
    "export": ("wsproxy.cli.export:export", "Make a script of a session: a test, a mock, load."),
    "decoders": ("wsproxy.cli.decoders:decoders", "List what can be decoded."),
    "captures": ("wsproxy.cli.captures:captures", "List your captures."),
    "addons": ("wsproxy.cli.addons:addons", "List the shipped addons and their options."),
    "ca": ("wsproxy.cli.ca:ca", "Show, trust and renew the certificate authority."),
    "doctor": ("wsproxy.cli.doctor:doctor", "Check what a proxy needs, and say what to do."),
    "help": ("wsproxy.cli.help:help_", "Read the longer texts."),
    "completion": ("wsproxy.cli.completion:completion", "Print the completion script of a shell."),
}

DEFAULT = "tui"
"""The command that is meant where none is given, in a terminal."""

ENVIRONMENT_FAILED = 3
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


class Root(LazyGroup):
    """The root command: turns every failure into a sentence and an exit code."""

    def main(
        self,
        args: Any = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """As click's, but exceptions reach a person in words; see the module's docstring."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        words = _with_command(list(sys.argv[1:] if args is None else args))
        try:
            code = super().main(words, prog_name, complete_var, False, **extra)
        except Exception as error:
            _fail(error, words)
        sys.exit(code if isinstance(code, int) else 0)


def _with_command(words: list[str]) -> list[str]:
    """`wsproxy` and `wsproxy -p 9000` are `wsproxy tui`; without a terminal, a bare call shows the help."""
    own = ("-v", "--verbose", "--version", "--help")
    first = next((word for word in words if word not in own[:2]), None)
    if first is None and sys.stdin.isatty() and sys.stdout.isatty():
        return [*words, DEFAULT]
    if first is not None and first.startswith("-") and first not in own:
        return [DEFAULT, *words]
    return words


def _fail(error: Exception, words: list[str]) -> NoReturn:
    if isinstance(error, click.Abort):
        sys.exit(INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else 1)
    if isinstance(error, FilterError):
        output.complain(f"{error.message}\n{filtering.marked(error)}", error.hint)
        sys.exit(error.exit_code)
    if isinstance(error, WsproxyError):
        output.complain(error.message, error.hint)
        sys.exit(error.exit_code)
    if isinstance(error, click.UsageError):
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
        else:
            path = error.ctx.command_path if error.ctx else "wsproxy"
            output.complain(error.format_message(), f"`{path} --help` explains")
        sys.exit(error.exit_code)
    if isinstance(error, click.ClickException):
        output.complain(error.format_message())
        sys.exit(ENVIRONMENT_FAILED)
    said = str(error).strip().partition("\n")[0]
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if _is_verbose(words):
        import traceback

        traceback.print_exception(error)
        output.complain(f"unexpected {what}")
    else:
        output.complain(f"unexpected {what}", "Run it again with -v to see where")
    sys.exit(ENVIRONMENT_FAILED)


def _is_verbose(words: list[str]) -> bool:
    if os.environ.get("WSPROXY_DEBUG", "0") not in ("", "0"):
        return True
    if "--" in words:
        words = words[: words.index("--")]
    return any(re.fullmatch(r"-v+|--verbose", word) for word in words)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    import platform
    from importlib import metadata

    from wsproxy import __version__

    try:
        engine = metadata.version("mitmproxy")
    except metadata.PackageNotFoundError:
        engine = "(missing)"
    click.echo(f"wsproxy {__version__}")
    click.echo(f"mitmproxy {engine}, Python {platform.python_version()}, {platform.system()}")
    ctx.exit()


@click.group(cls=Root, lazy=COMMANDS, invoke_without_command=True)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the versions of wsproxy and what it runs on.",
)
@click.option("-v", "--verbose", is_flag=True, expose_value=False, help="Show the traceback of a failure.")
@click.pass_context
def main(ctx: click.Context) -> None:
    """
    A debugging proxy for WebSockets: every frame of both directions, live and in a file.

    \b
    First steps:
      wsproxy demo                  see live frames, without any set-up
      wsproxy                       run the proxy on 127.0.0.1:8080, and watch it
      wsproxy dump                  the same, printing one line per frame
      wsproxy browser URL           open a browser that goes through it
      wsproxy view last             look again at what was captured
      wsproxy ctl status            ask a proxy that runs, and tell it what to do

    `wsproxy COMMAND --help` explains a command, with examples.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
