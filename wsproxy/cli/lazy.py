"""A group of commands that imports one only when it is called for."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from wsproxy.errors import UsageError, WsproxyError

_VERBOSE = ("-v", "--verbose")


class LazyGroup(click.Group):
    """
    Commands by name, in the order to list them.

    Args:
        lazy: name to (`module:attribute`, help in one line). The line stands in the list of
            commands; the command's own help is loaded with it.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order they were given."""
        return [*self._lazy, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import it. Raises WsproxyError if its module is missing."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        try:
            command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise WsproxyError(
                f"the command {cmd_name!r} is missing from this installation",
                "Install wsproxy again: `pip install --force-reinstall wsproxy`",
            ) from None
        assert isinstance(command, click.Command)
        _take_verbose(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises UsageError for an unknown command, with the nearest known one."""
        name = args[0]
        if not name.startswith("-") and name not in self._lazy and name not in self.commands:
            near = difflib.get_close_matches(name, self.list_commands(ctx), 1, 0.5)
            path = _path(ctx)
            hint = f"Did you mean `{path} {near[0]}`?" if near else f"`{path} --help` lists the commands"
            raise UsageError(f"there is no command {name!r}", hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._short(name)) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, and options."""
        items = [
            CompletionItem(name, help=self._short(name))
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def _short(self, name: str) -> str:
        return self._lazy[name][1] if name in self._lazy else self.commands[name].get_short_help_str(60)


def _path(ctx: click.Context) -> str:
    """The words that call a group, however the program was started."""
    return f"{_path(ctx.parent)} {ctx.info_name}" if ctx.parent else "wsproxy"


def _take_verbose(command: click.Command) -> None:
    """Let `command`, and what is under it, take -v like all others; `main` looks for it."""
    if not any(set(_VERBOSE) & set(param.opts) for param in command.params):
        command.params.append(
            click.Option(
                list(_VERBOSE), is_flag=True, expose_value=False, help="Show the traceback of a failure."
            )
        )
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _take_verbose(child)
