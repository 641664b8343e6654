"""`wsproxy diff`: what it prints and writes, and its exit code."""

import json
import stat
from xml.etree import ElementTree

import pytest

from tests.support.sessions import received, session

EVIL = "\x1b[2Jevil\u202e</td><script>alert(1)</script>]]>&"


@pytest.fixture
def two(tmp_path):
    """Two captures that differ in one message, which is meant to do harm."""
    left = session(tmp_path / "left.wsp", received('{"n":1}', '{"n":2,"x":"a"}'))
    right = session(tmp_path / "right.wsp", received('{"n":1}', json.dumps({"n": 2, "x": EVIL}), EVIL))
    return left, right


def test_it_says_what_is_different_and_exits_with_1(wsproxy, two) -> None:
    done = wsproxy("diff", *two)
    assert done.exit_code == 1
    assert "← frame 2 and 2 changed" in done.stdout
    assert '- "a"' in done.stdout
    assert done.stdout.rstrip().endswith("1 message the same, 1 changed, 1 extra")
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_colours_are_all_that_may_control_the_terminal(wsproxy, two) -> None:
    done = wsproxy("diff", *two, "--color", "always")
    assert "\x1b[31m" in done.stdout
    assert "\x1b[2J" not in done.stdout


def test_the_same_exits_with_0(wsproxy, two) -> None:
    done = wsproxy("diff", two[0], two[0])
    assert done.exit_code == 0
    assert "same: 1 connection compared, 2 messages the same" in done.stdout
    assert wsproxy("diff", two[0], two[1], "--ignore", "x", "-q").exit_code == 1


def test_json_has_every_difference_whole(wsproxy, two) -> None:
    done = wsproxy("diff", *two, "--json")
    assert done.exit_code == 1
    assert done.stdout.isascii()
    changed, extra, connection, total = map(json.loads, done.stdout.splitlines())
    assert changed["event"] == "changed"
    assert changed["connections"] == {"left": 1, "right": 1}
    assert changed["changes"] == [{"path": "$.x", "left": "a", "right": EVIL}]
    assert changed["left"]["text"] == '{"n":2,"x":"a"}'
    assert (extra["event"], extra["left"], extra["right"]["text"]) == ("extra", None, EVIL)
    assert connection["receive"] == {"same": 1, "changed": 1, "missing": 0, "extra": 1, "heartbeats": 0}
    assert total["same"] is False


def test_junit_is_xml_whatever_was_said(wsproxy, two, tmp_path) -> None:
    file = tmp_path / "report.xml"
    assert wsproxy("diff", *two, "-q", "--junit", file).stdout == ""
    root = ElementTree.parse(file).getroot()
    [suite] = root.findall("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    [failure] = root.iter("failure")
    assert failure.text is not None
    assert "frame 2 and 2 changed" in failure.text
    assert "<script>" in failure.text
    assert "\\x1b" in failure.text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_page_escapes_what_was_said_and_needs_nothing_else(wsproxy, two, tmp_path) -> None:
    file = tmp_path / "report.html"
    wsproxy("diff", *two, "-q", "--html", file)
    page = file.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert "http" not in page.partition("</style>")[0].replace("http-equiv", "")
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_chosen_connections_only(wsproxy, tmp_path) -> None:
    left = session(tmp_path / "l.wsp", received("a"), received("b"))
    right = session(tmp_path / "r.wsp", received("a"), received("c"))
    assert wsproxy("diff", left, right, "--connection", "1").exit_code == 0
    assert wsproxy("diff", left, right, "--connection", "2").exit_code == 1
    assert wsproxy("diff", left, right, "--connection", "2:1").exit_code == 1
    done = wsproxy("diff", left, right, "--connection", "3")
    assert done.exit_code == 2
    assert "there is no connection 3" in done.stderr
    assert wsproxy("diff", left, right, "--connection", "x").exit_code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ignore", "a["], "is not a path"),
        (["--ignore-regex", "("], "not a regular expression"),
        (["--numbers-within", "much"], "neither a number"),
        (["--unordered", ""], "empty"),
    ],
)
def test_what_cannot_be_understood_is_refused(wsproxy, two, words, says) -> None:
    done = wsproxy("diff", *two, *words)
    assert done.exit_code == 2
    assert says in done.stderr


def test_a_file_that_cannot_be_written_or_read_is_named(wsproxy, two, tmp_path) -> None:
    done = wsproxy("diff", *two, "--html", tmp_path / "no" / "report.html")
    assert done.exit_code == 3
    assert "report.html" in done.stderr
    assert wsproxy("diff", two[0], tmp_path / "none.wsp").exit_code == 3
