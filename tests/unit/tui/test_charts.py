"""Bars of characters."""

from wsproxy.tui import charts


def test_bars_over_time_reach_as_high_as_their_values() -> None:
    lines = [line.plain for line in charts.over_time([0, 4, 8, 16], 4, 2, 16, "green")]
    assert lines == ["   █", " ▄██"]


def test_the_smallest_value_is_seen_and_no_value_is_not() -> None:
    assert [line.plain for line in charts.over_time([0, 0.001], 2, 1, 100, "")] == [" ▁"]
    assert charts.bar(0, 10, 5) == ""
    assert charts.bar(0.001, 10, 5) == "▏"
    assert charts.bar(10, 10, 5) == "█████"


def test_labels_are_harmless_and_fill_their_column() -> None:
    [first, second] = charts.bars([("\x1b[31m茶", 1, "1", ""), ("x" * 50, 2, "2", "")], 40, 12)
    assert first.plain.startswith("\\x1b[31m茶  ")
    assert second.plain.startswith("xxxxxxxxxxx… ")
    assert first.cell_length == second.cell_length == 40
