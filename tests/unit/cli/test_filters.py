"""`-f FILTER`, and `wsproxy filters`."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tests.support.captures import MASK, Capture, capture, chat
from wsproxy.cli.filtering import FilterText, marked
from wsproxy.cli.main import main
from wsproxy.cli.progress import Progress
from wsproxy.errors import FilterError
from wsproxy.filters.operators import OPERATORS
from wsproxy.filters.parser import parse
from wsproxy.store.limits import Limits
from wsproxy.wire.encode import encode_close, encode_frame


@pytest.fixture
def path(tmp_path):
    return chat(tmp_path / "chat.wsp")


def shown(result):
    """What was printed with `--json`: ids of frames, names of other events."""
    events = map(json.loads, result.stdout.splitlines())
    return [event["id"] if event["event"] == "frame" else event["event"] for event in events]


class TestLog:
    def test_prints_what_matches_with_the_connection_it_is_on(self, wsproxy, path):
        result = wsproxy("log", path, "-f", "~ping | user")

        assert result.exit_code == 0
        assert [line.split()[1:4] for line in result.stdout.splitlines()[1:]] == [
            ["#1", "open", "wss://example.test/chat"],
            ["12:00:00.010", "#1", "→"],
            ["12:00:00.030", "#1", "←"],
            ["#1", "closed", "by"],
        ]
        # It has not seen all, so it does not sum up.
        assert "frames" not in result.stdout

    def test_as_json(self, wsproxy, path):
        assert shown(wsproxy("log", path, "--json", "-f", "~up")) == ["open", 1, 4, 6, "close"]
        assert shown(wsproxy("log", path, "--json", "-f", "~d test & ~conn 2")) == ["open"]
        assert shown(wsproxy("log", path, "--json", "-f", "~up", "--from", 5)) == [6, "close"]
        assert shown(wsproxy("log", path, "--json", "-f", "~up", "--last", 2)) == [6, "close"]
        assert shown(wsproxy("log", path, "--json", "-f", "~up", "--connection", 1)) == [
            "open",
            1,
            4,
            6,
            "close",
        ]

    def test_nothing_found_is_a_no(self, wsproxy, path):
        for more in ([], ["--json"]):
            result = wsproxy("log", path, "-f", "~binary & ~up", *more)
            assert (result.exit_code, result.stdout, result.stderr) == (1, "", "")

    def test_a_wrong_filter_is_marked_where_it_is_wrong(self, wsproxy, path):
        result = wsproxy("log", path, "-f", "~up & ~txet")

        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.splitlines() == [
            "wsproxy: error: filter, column 7: there is no operator ~txet",
            "  ~up & ~txet",
            "        ^",
            "  Did you mean ~text? `wsproxy filters` lists them",
        ]

    def test_a_wrong_filter_is_told_before_a_missing_file(self, wsproxy):
        assert wsproxy("log", "-f", "~txet", "nowhere.wsp").exit_code == 2

    def test_a_continuation_is_known_though_its_message_is_not_shown(self, wsproxy, tmp_path):
        with capture(tmp_path / "f.wsp") as c:
            number = c.open()
            c.send(number, encode_frame(1, b"a", fin=False, mask=MASK))
            c.send(number, encode_frame(0, b"b", mask=MASK))
            c.send(number, encode_frame(2, b"\x00\x00c", fin=False, mask=MASK))
            c.send(number, encode_frame(0, b"needle", mask=MASK))
        frame = json.loads(
            wsproxy("log", tmp_path / "f.wsp", "--json", "-f", "a|needle").stdout.splitlines()[-1]
        )

        assert (frame["id"], "base64" in frame) == (4, True)

    def test_a_saved_filter_is_taken_by_its_name(self, wsproxy, path):
        assert wsproxy("filters", "save", "beats", "~ping | ~pong").exit_code == 0
        assert shown(wsproxy("log", path, "--json", "-f", "@beats")) == ["open", 3, 4, "close"]
        missing = wsproxy("log", path, "-f", "@beast")
        assert missing.exit_code == 2
        assert "there is no saved filter 'beast'" in missing.stderr
        assert "Did you mean beats?" in missing.stderr

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
    def test_ctrl_c_ends_a_regex_that_would_take_forever(self, home, tmp_path):
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.send(number, encode_frame(1, b"ping", mask=MASK))
            c.send(number, encode_frame(1, b"a" * 60 + b"!", mask=MASK))
        process = subprocess.Popen(
            [sys.executable, "-m", "wsproxy", "log", str(tmp_path / "a.wsp"), "-v", "-f", "'(a+)+$'"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # It works and works; there is nothing to see of that but time that goes into it.
        while process.poll() is None and _cpu_seconds(process.pid) < 1.5:
            pass
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)

        assert (process.returncode, out, err.strip()) == (130, "", "")

    def test_following_goes_on_after_nothing_was_found(self, home, tmp_path):
        live = Capture(tmp_path / "live.wsp", Limits(interval=0.001))
        try:
            number = live.open()
            live.send(number, encode_frame(1, b"one", mask=MASK))
            process = subprocess.Popen(
                [sys.executable, "-m", "wsproxy", "log", str(live.path), "--follow", "--json", "-f", "two"],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": ""},
            )
            live.send(number, encode_frame(1, b"two", mask=MASK))
            assert json.loads(process.stdout.readline())["event"] == "open"
            assert json.loads(process.stdout.readline())["text"] == "two"
        finally:
            live.stop()
        assert process.communicate(timeout=20)[0] == ""
        assert process.returncode == 0


def _cpu_seconds(pid):
    import psutil

    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


class TestDump:
    def test_a_wrong_filter_is_told_before_anything_starts(self, wsproxy, home):
        result = wsproxy("dump", "-f", "~b [")

        assert result.exit_code == 2
        assert "column 4: this is not a regex" in result.stderr
        assert not home.exists()


class TestInfo:
    def test_counts_what_matches(self, wsproxy, path):
        result = wsproxy("info", path, "-f", "~up & ~control")

        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert lines[4:7] == [
            "Filter       ~fromclient & ~control: 2 of 7 frames",
            "Connections  1",
            "Traffic      → 2 frames 9 B   ← 0 frames 0 B",
        ]
        assert "   → 2 frames 9 B: 1 close, 1 pong" in lines
        assert "   ← nothing" in lines

    def test_as_json(self, wsproxy, path):
        found = json.loads(wsproxy("info", path, "--json", "-f", "~text").stdout)

        assert found["filter"] == "~text"
        assert found["totals"]["send"] == {"frames": 1, "bytes": 14}
        assert [connection["connection"] for connection in found["connections"]] == [1]
        assert json.loads(wsproxy("info", path, "--json").stdout)["filter"] is None

    def test_without_a_filter_it_is_what_matches_everything(self, wsproxy, path):
        whole = json.loads(wsproxy("info", path, "--json").stdout)
        same = json.loads(wsproxy("info", path, "--json", "-f", "~all").stdout)

        assert {**same, "filter": None} == whole

    def test_shows_a_connection_that_matches_itself(self, wsproxy, path):
        assert "#2 ws://example.test/secret" in wsproxy("info", path, "-f", "~u secret").stdout
        assert "#1" not in wsproxy("info", path, "-f", "~u secret").stdout

    def test_counts_the_anomalies_of_what_matches(self, wsproxy, tmp_path):
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.send(number, encode_frame(1, b"x"))
            c.send(number, encode_frame(2, b"x"))
            c.send(number, encode_frame(1, b"\xff" * 70_000, mask=MASK))
            c.send(number, encode_close(1005, mask=MASK))
        found = json.loads(wsproxy("info", tmp_path / "a.wsp", "--json", "-f", "~text").stdout)

        assert found["connections"][0]["anomalies"] == {"unmasked_by_client": 1, "invalid_utf8": 1}

    def test_nothing_found_is_a_no(self, wsproxy, path):
        result = wsproxy("info", path, "-f", "doesnotoccur")
        assert result.exit_code == 1
        assert "0 of 7 frames" in result.stdout


class TestFilters:
    def test_lists_every_operator(self, wsproxy):
        result = wsproxy("filters")

        assert result.exit_code == 0
        for operator in OPERATORS:
            assert f"  {operator.syntax()} " in result.stdout

    def test_fits_a_narrow_terminal(self, wsproxy, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        assert max(map(len, wsproxy("filters").stdout.splitlines())) <= 80

    def test_as_json(self, wsproxy):
        wsproxy("filters", "save", "up", "~up")
        lines = [json.loads(line) for line in wsproxy("filters", "--json").stdout.splitlines()]

        assert [line["operator"] for line in lines[:-1]] == [operator.names[0] for operator in OPERATORS]
        assert lines[0] == {
            "operator": "~d",
            "names": ["~d"],
            "argument": "REGEX",
            "group": "Connection",
            "help": OPERATORS[0].help,
            "example": "~d example\\.com",
        }
        assert lines[-1] == {"saved": "up", "filter": "~fromclient"}

    def test_saves_replaces_and_removes(self, wsproxy, home):
        assert "saved @quiet in " in wsproxy("filters", "save", "quiet", "!~ping").stderr
        assert "replaced @quiet in " in wsproxy("filters", "save", "@quiet", "!~pong").stderr
        assert "  @quiet " in wsproxy("filters").stdout
        assert "removed @quiet from " in wsproxy("filters", "remove", "@quiet").stderr
        assert "@quiet" not in wsproxy("filters").stdout
        assert wsproxy("filters", "remove", "quiet").exit_code == 2

    def test_saves_nothing_that_is_no_filter(self, wsproxy, home):
        result = wsproxy("filters", "save", "bad", "~txet")

        assert result.exit_code == 2
        assert "column 1" in result.stderr
        assert not home.exists()

    def test_a_damaged_file_is_the_environments_fault(self, wsproxy, home):
        home.mkdir()
        (home / "filters.toml").write_text("x = ")
        assert wsproxy("filters").exit_code == 3


class TestCompletion:
    def complete(self, incomplete):
        return [item.value for item in FilterText().shell_complete(None, None, incomplete)]

    @pytest.mark.parametrize(
        ("incomplete", "expected"),
        [
            ("~fr", ["~fromclient", "~fromserver", "~fragmented"]),
            ("~up & !~te", ["~up & !~text"]),
            ("(~pi", ["(~ping"]),
            ("hello", []),
            ("~b te", []),
            ("@", []),
        ],
    )
    def test_offers_operators_for_the_last_word(self, home, incomplete, expected):
        assert self.complete(incomplete) == expected

    def test_offers_all_of_them_at_first(self, home):
        assert self.complete("") == [name for operator in OPERATORS for name in operator.names]

    def test_offers_saved_filters(self, wsproxy):
        wsproxy("filters", "save", "quiet", "!~ping")
        assert self.complete("@q") == ["@quiet"]
        assert self.complete("@x") == []

    def test_works_from_the_shell(self, home):
        words = {
            "_WSPROXY_COMPLETE": "bash_complete",
            "COMP_WORDS": "wsproxy log last -f ~tex",
            "COMP_CWORD": "4",
        }
        result = CliRunner(env=words).invoke(main, [], prog_name="wsproxy", complete_var="_WSPROXY_COMPLETE")
        assert "~text" in result.output


class TestMark:
    def marked(self, text):
        with pytest.raises(FilterError) as found:
            parse(text)
        return marked(found.value, 40).split("\n")

    def test_stands_under_what_is_wrong_whatever_its_width(self):
        assert self.marked("中文 ~txet") == ["  中文 ~txet", "       ^"]
        assert self.marked("\x1b[31]m ~txet") == ["  \\x1b[31]m ~txet", "            ^"]
        assert self.marked("a\n~txet") == ["  a\\n~txet", "     ^"]

    def test_of_a_long_filter_the_part_around_it_is_shown(self):
        shown, mark = self.marked("x & " * 100 + "~txet" + " & y" * 100)
        assert len(shown) <= 42
        assert shown[len(mark) - 1 :].startswith("~txet")


class TestProgress:
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def test_shows_after_a_while_and_goes_away(self, monkeypatch):
        clock = [0.0]
        monkeypatch.setattr("wsproxy.cli.progress.time.monotonic", lambda: clock[0])
        monkeypatch.setattr(sys, "stderr", self.Terminal())
        progress = Progress("searching")
        progress(1, 10)
        assert sys.stderr.getvalue() == ""
        clock[0] = 0.6
        progress(5, 10)
        progress(6, 10)
        assert sys.stderr.getvalue() == "\r\x1b[Ksearching 50 %"
        progress.clear()
        progress.clear()
        assert sys.stderr.getvalue() == "\r\x1b[Ksearching 50 %\r\x1b[K"

    def test_begins_anew_when_more_is_to_be_searched(self, monkeypatch):
        clock = [0.0]
        monkeypatch.setattr("wsproxy.cli.progress.time.monotonic", lambda: clock[0])
        monkeypatch.setattr(sys, "stderr", self.Terminal())
        progress = Progress("searching")
        for now, done, whole in ((5.0, 10, 10), (6.0, 12, 12), (7.0, 13, 20), (7.4, 14, 20)):
            clock[0] = now
            progress(done, whole)
        assert sys.stderr.getvalue() == ""
        clock[0] = 7.6
        progress(15, 20)
        progress(20, 20)
        assert sys.stderr.getvalue() == "\r\x1b[Ksearching 75 %\r\x1b[K"

    def test_says_nothing_where_nobody_looks(self, monkeypatch):
        monkeypatch.setattr("wsproxy.cli.progress._AFTER", 0)
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        progress = Progress("searching")
        progress(5, 10)
        progress.clear()
        assert sys.stderr.getvalue() == ""
