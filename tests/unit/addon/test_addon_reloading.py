"""A script that has changed is loaded anew, if it can be; otherwise the old one stays."""

import os

import pytest

from tests.unit.addon.conftest import UPPER, Bench


class TestReloading:
    def test_takes_the_new_version(self, bench: Bench) -> None:
        path = bench.write(UPPER)
        bench.manager.load(str(path))
        bench.manager.check()
        assert bench.told == []
        path.write_text(UPPER.replace("upper", "title"))
        bench.manager.check()
        assert bench.told == ["addon mine was reloaded"]
        assert bench.message(b"hello").content == b"Hello"

    def test_sees_a_change_of_the_same_size_in_the_same_second(self, bench: Bench) -> None:
        path = bench.write("def ws_message(connection, message): message.text = '1'")
        bench.manager.load(str(path))
        path.write_text("def ws_message(connection, message): message.text = '2'")
        stat = path.stat()
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1000))
        bench.manager.check()
        assert bench.message().content == b"2"

    @pytest.mark.parametrize(
        ("bad", "words"),
        [
            ("def ws_message(:", "SyntaxError"),
            ("1 / 0", "ZeroDivisionError"),
            ("def load(options): 1 / 0", "ZeroDivisionError"),
            ("def ws_message(): pass", "must take"),
        ],
    )
    def test_keeps_the_old_version_where_the_new_one_is_broken(
        self, bench: Bench, bad: str, words: str
    ) -> None:
        path = bench.write(UPPER)
        bench.manager.load(str(path))
        path.write_text(bad)
        bench.manager.check()
        bench.manager.check()
        [told] = bench.told
        assert words in told
        assert "; the version before it stays" in told
        assert bench.message(b"hello").content == b"HELLO"
        path.write_text(UPPER.replace("upper", "title"))
        bench.manager.check()
        assert bench.message(b"hello").content == b"Hello"

    def test_keeps_the_old_version_where_the_file_is_gone(self, bench: Bench) -> None:
        path = bench.write(UPPER)
        bench.manager.load(str(path))
        path.unlink()
        bench.manager.check()
        assert bench.message(b"hello").content == b"HELLO"

    def test_greets_open_connections_again_and_keeps_their_state(self, bench: Bench) -> None:
        text = (
            "def ws_open(connection):\n"
            "    connection.state['n'] = connection.state.get('n', 0) + 1\n"
            "def ws_message(connection, message): message.text = str(connection.state['n'])\n"
        )
        path = bench.write(text)
        bench.manager.load(str(path))
        path.write_text(text + "#\n")
        bench.manager.check()
        assert bench.message().content == b"2"

    def test_ends_the_old_version_first(self, bench: Bench) -> None:
        text = (
            "from pathlib import Path\n"
            f"log = Path({str(bench.folder / 'log')!r})\n"
            "def note(what): log.write_text((log.read_text() if log.exists() else '') + what)\n"
            "def load(options): note('load1 ')\n"
            "def done(): note('done1 ')\n"
        )
        path = bench.write(text)
        bench.manager.load(str(path))
        path.write_text(text.replace("1 ", "22 "))
        bench.manager.check()
        assert (bench.folder / "log").read_text() == "load1 done1 load22 "
