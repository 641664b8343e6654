"""Tabs, of which one is seen."""

from textual.widgets import TabbedContent, TabPane


class Tabs(TabbedContent):
    """
    The focus goes where the tabs go, and never the other way round.

    Textual brings back the tab in which something gets the focus. Who goes from tab to tab faster than the
    focus follows would be thrown back to one already left.
    """

    def on_tab_pane_focused(self, event: TabPane.Focused) -> None:
        """In place of Textual's."""
        event.stop()
        event.prevent_default()
