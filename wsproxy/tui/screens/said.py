"""What the proxy has said: what failed, for whom, and what to do about it."""

import time
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult, RenderResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.said import Sentence

register(Action("close", "escape,q,l", "Close", "Close what the proxy has said", "said", palette=False))

_NOTHING = (
    "Nothing so far. When a client does not trust the CA, a server cannot be reached or its certificate is "
    "not valid, or an addon fails, the proxy says so here, with what to do about it."
)


class SaidScreen(ModalScreen[None]):
    """
    The sentences, the newest first.

    Args:
        sentences: the newest last.
    """

    BINDINGS = bindings("said")
    DEFAULT_CSS = """
    SaidScreen { align: center middle; }
    SaidScreen > VerticalScroll {
        width: 90%; max-width: 110; height: auto; max-height: 90%;
        background: $surface; border: round $primary; padding: 0 1;
    }
    SaidScreen:ansi > VerticalScroll { background: ansi_default; border: round ansi_blue; }
    """

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        super().__init__()
        self._sentences = list(sentences)[::-1]

    def compose(self) -> ComposeResult:
        """Textual's."""
        with VerticalScroll() as scroll:
            scroll.border_title = "The proxy said"
            yield Static(self._table(), markup=False)
        yield Footer(show_command_palette=False)

    def _table(self) -> RenderResult:
        if not self._sentences:
            return Text(_NOTHING)
        table = Table.grid(padding=(0, 2, 1, 0))
        table.add_column(no_wrap=True, style="dim")
        table.add_column()
        for sentence in self._sentences:
            when = time.strftime("%H:%M:%S", time.localtime(sentence.time))
            table.add_row(Text(when), Text(sentence.text))
        return table

    def action_close(self) -> None:
        """Back."""
        self.dismiss()
