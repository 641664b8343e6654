"""Every key of the place one is in, and of all others: made from the registry."""

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult, RenderResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from wsproxy.tui.actions import PLACES, Action, actions, bindings, key_words, register
from wsproxy.tui.places import SCREENS
from wsproxy.tui.widgets.bars import KeyLine

register(Action("close", "escape,q,question_mark,f1", "Close", "Close help", "help", palette=False))


class HelpScreen(ModalScreen[None]):
    """
    Help.

    Args:
        here: the places one is in, the innermost first; they come first.
    """

    BINDINGS = bindings("help")
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 90%; max-width: 100; height: 90%; background: $surface; border: round $primary; padding: 0 1;
    }
    HelpScreen:ansi > VerticalScroll { background: ansi_default; border: round ansi_blue; }
    """

    def __init__(self, here: list[str]) -> None:
        super().__init__()
        self._here = here

    def compose(self) -> ComposeResult:
        """Textual's."""
        with VerticalScroll() as scroll:
            scroll.border_title = "Help"
            yield Static(self._table(), markup=False)
        yield KeyLine()

    def _table(self) -> RenderResult:
        for screen in SCREENS:
            # A screen that was never shown has not told its keys yet.
            screen.find()
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column()
        for place in dict.fromkeys([*self._here, *PLACES]):
            listed = [action for action in actions(place)]
            if not listed or place in ("help", "said"):
                continue
            table.add_row(Text())
            table.add_row(Text(PLACES[place], "bold underline"))
            for action in listed:
                table.add_row(Text(key_words(action.keys) or "^p"), Text(f"{action.label}: {action.help}"))
        return table

    def action_close(self) -> None:
        """Back."""
        self.dismiss()
