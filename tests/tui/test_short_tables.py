"""The short tables of the screens."""

from textual.app import App, ComposeResult

from tests.support.screen import text_of
from wsproxy.tui.widgets.table import Table


class OneTable(App[None]):
    """Nothing but a table."""

    def compose(self) -> ComposeResult:
        yield Table("", "WHAT")


async def test_what_is_drawn_before_textual_has_measured_it_is_not_cut() -> None:
    app = OneTable()
    async with app.run_test(size=(40, 5)) as pilot:
        table = app.query_one(Table)
        table.fill([(1, [("on", ""), ("rule", "")])])
        await pilot.pause()
        assert "rule" in text_of(app)
        table.fill([(1, [("off", ""), ("a longer rule", "")])])
        # At once, as a repaint between the change and the next idle moment does.
        drawn = table.render_line(1).text
        assert "off" in drawn
        assert "a longer rule" in drawn
        await pilot.pause()
        assert "a longer rule" in text_of(app)
