"""Aligned columns."""

from wsproxy.cli.paint import Paint
from wsproxy.cli.table import facts, table

PLAIN = Paint(False)


def cells(*texts):
    return [(text, "plain") for text in texts]


def test_columns_are_as_wide_as_what_is_in_them():
    shown = table(
        ("ID", ">SIZE", "TEXT"), [cells("1", "7 B", "a"), cells("12345", "1,000 B", "b")], PLAIN, 80
    )
    assert shown == "ID        SIZE  TEXT\n1          7 B  a\n12345  1,000 B  b\n"


def test_the_last_column_is_cut_to_the_terminal_and_never_in_an_escape():
    shown = table(("A", "B"), [cells("x", "y" * 100)], PLAIN, 40)
    assert [len(line) for line in shown.splitlines()] == [4, 40]
    assert shown.rstrip().endswith("…")
    assert "\\x1…" not in table(("A", "B"), [cells("x", "\x1b" * 100)], PLAIN, 40)


def test_whatever_is_in_a_cell_is_harmless_and_takes_its_columns():
    shown = table(("A", "B"), [cells("\x1b[2J", "\u202ea\nb"), cells("日本", "c")], PLAIN, 80)
    assert shown == "A        B\n\\x1b[2J  \\u202ea\\nb\n日本     c\n"


def test_colours_do_not_move_columns():
    plain = table(("A", "B"), [[("x", "warn"), ("y", "good")]], PLAIN, 80)
    colored = table(("A", "B"), [[("x", "warn"), ("y", "good")]], Paint(True), 80)
    assert "\x1b[" in colored
    import click

    assert click.unstyle(colored) == plain


def test_facts_are_cut_to_the_terminal():
    assert (
        facts([("Name", "a\tb"), ("Long", "x" * 100)], 40)
        == f"Name         a\\tb\nLong         {'x' * 26}…\n"
    )
