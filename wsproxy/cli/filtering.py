"""The option `-f FILTER` of the commands that show frames."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from wsproxy.errors import FilterError
    from wsproxy.filters.nodes import Filter

    _FilterType = click.ParamType["Filter"]
else:
    # Generic only in click 8.2 and later.
    _FilterType = click.ParamType

F = TypeVar("F", bound=Callable[..., Any])


class FilterText(_FilterType):
    """A filter, or `@NAME` for a saved one; gives a `Filter`."""

    name = "filter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Filter":
        """Raises FilterError or UsageError for what is none."""
        from wsproxy.filters import saved
        from wsproxy.filters.nodes import Filter
        from wsproxy.filters.parser import parse

        if isinstance(value, Filter):
            return value
        return parse(saved.get(value[1:]) if value.startswith("@") else value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Saved filters, and operators for the last word."""
        from wsproxy.filters.completion import complete

        return [CompletionItem(found.text, help=found.help) for found in complete(incomplete)]


def filter_option(help_text: str) -> Callable[[F], F]:
    """`-f FILTER`, as the parameter `wanted`."""
    return click.option(
        "-f",
        "--filter",
        "wanted",
        type=FilterText(),
        metavar="FILTER",
        help=f"{help_text} @NAME is a saved filter. `wsproxy filters` lists the operators.",
    )


def marked(error: "FilterError", width: int = 76) -> str:
    """The filter on one line, and below it a mark where it is wrong; harmless to show."""
    from wsproxy.decoders.text import columns, printable

    text, place = error.text, error.column - 1
    # As much before the mark as leaves room to see what comes after.
    start = max(0, place - width // 2) if columns(printable(text)) > width else 0
    lead = "…" if start else ""
    shown = printable(lead + text[start:], width)
    return f"  {shown}\n  {' ' * columns(printable(lead + text[start:place]))}^"
