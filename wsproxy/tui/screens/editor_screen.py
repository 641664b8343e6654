"""What the screens with an editor of a payload have in common."""

from pathlib import Path

from wsproxy.errors import UsageError
from wsproxy.tui.screens.dialogs import Question
from wsproxy.tui.screens.engine_screen import EngineScreen
from wsproxy.tui.widgets.payload import PayloadEditor


class EditorScreen(EngineScreen):
    """A screen for a task that needs a running proxy, and an editor."""

    @property
    def editor(self) -> PayloadEditor:
        """Of the content."""
        return self.query_one(PayloadEditor)

    def action_toggle_hex(self) -> None:
        """Text or bytes."""
        try:
            self.editor.toggle()
        except UsageError as error:
            self.app.complain(error)

    def action_from_file(self) -> None:
        """Take the content from a file."""

        def read(path: str | None) -> None:
            if not path:
                return
            try:
                self.editor.replace(Path(path))
            except UsageError as error:
                self.app.complain(error)

        self.app.push_screen(Question("Content from a file", "A path."), read)
