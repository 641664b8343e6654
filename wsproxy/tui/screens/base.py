"""What all screens have: the line above with the other screens, the footer, and help."""

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.widgets.bars import KeyLine, TopBar


class TaskScreen(Screen[None]):
    """
    A screen for one task.

    A subclass has `WHERE`, its place in `wsproxy.tui.actions.PLACES`, and `compose_task`.
    """

    WHERE = "everywhere"
    app: WsproxyApp

    def __init__(self) -> None:
        super().__init__()
        self._above = TopBar(self.WHERE)

    def compose(self) -> ComposeResult:
        """Textual's."""
        yield self._above
        yield from self.compose_task()
        yield KeyLine()

    def compose_task(self) -> Iterable[Widget]:
        """What is between the line above and the footer."""
        raise NotImplementedError

    def on_screen_resume(self) -> None:
        """Textual's: it is shown again."""
        self.say_subject()

    def say_subject(self) -> None:
        """Say in the line above what is being looked at."""
        self._above.say(self.app.subject)
