"""Addons are loaded, asked in order, reloaded; and none can hurt the traffic."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.addon.conftest import Bench, transit_of
from wsproxy.addon import AddonError, Connection, Frame, Message, OptionError
from wsproxy.wire.closing import Closure

OVER = Closure("server", 1001, "bye", True, "eof")

UPPER = """
'''Shouts.

More about that.
'''
def ws_message(connection, message):
    message.text = message.text.upper()
"""


class TestLoading:
    def test_takes_the_functions_of_a_script(self, bench: Bench) -> None:
        assert not bench.manager.wants_messages
        bench.load(UPPER)
        assert bench.manager.wants_messages
        assert bench.manager.scripts[0].summary == "Shouts."
        assert bench.message(b"hello").content == b"HELLO"

    def test_takes_the_methods_of_objects_in_its_list(self, bench: Bench) -> None:
        bench.load(
            "class One:\n"
            "    def ws_message(self, connection, message): message.text += '1'\n"
            "class Two:\n"
            "    addons = [One()]\n"
            "    def ws_message(self, connection, message): message.text += '2'\n"
            "def ws_message(connection, message): message.text += '0'\n"
            "addons = [Two()]\n"
        )
        assert bench.message(b"").content == b"021"

    def test_leaves_nothing_beside_the_file(self, bench: Bench) -> None:
        bench.load(UPPER)
        assert [path.name for path in bench.folder.iterdir()] == ["mine.py"]
        assert str(bench.folder) not in sys.path

    def test_two_files_of_one_name_have_two_names(self, bench: Bench) -> None:
        (bench.folder / "other").mkdir()
        bench.load("def ws_message(connection, message): message.text += __name__")
        bench.load("def ws_message(connection, message): message.text += __name__", "other/mine.py")
        assert [script.by for script in bench.manager.scripts] == ["addon mine", "addon mine-2"]
        assert bench.message(b"").by == ("addon mine", "addon mine-2")

    def test_finds_modules_beside_the_script_and_dataclasses_work(self, bench: Bench) -> None:
        bench.write("WORD = 'beside'", "helper_of_mine.py")
        bench.load(
            "from __future__ import annotations\n"
            "from dataclasses import dataclass\n"
            "from helper_of_mine import WORD\n"
            "@dataclass\n"
            "class Thing:\n"
            "    word: str = WORD\n"
            "def ws_message(connection, message): message.text = Thing().word\n"
        )
        assert bench.message().content == b"beside"
        del sys.modules["helper_of_mine"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("\ndef ws_message(:\n", ["SyntaxError", "mine.py, line 2)", "def ws_message(:"]),
            ("import no_such_thing", ["ModuleNotFoundError: No module named 'no_such_thing'", "line 1"]),
            ("def f():\n    1 / 0\nf()\n", ["ZeroDivisionError", "line 2)", "line 3, in <module>", "1 / 0"]),
            ("raise SystemExit(2)", ["SystemExit: 2", "line 1"]),
            ("x = '\0'", ["null bytes"]),
            ("def ws_message(message): pass", ["must take (connection, message), not (message)"]),
            ("ws_message = 3", ["ws_message is int, not a function"]),
            ("async def load(options): pass", ["load cannot be async"]),
            (
                "redacts = True\nasync def ws_message(c, m): pass",
                ["ws_message cannot be async in an addon that"],
            ),
            ("def load(options):\n    options.nothing\n", ["no option 'nothing'", "line 2, in load"]),
            ("import sys\ndef load(options): sys.exit()", ["SystemExit", "line 2)"]),
            ("def load(options): options.add('x', {}, '')", ["the option x cannot be a dict"]),
        ],
    )
    def test_says_what_is_wrong_and_where(self, bench: Bench, text: str, words: list[str]) -> None:
        before = set(sys.modules)
        with pytest.raises(AddonError) as caught:
            bench.load(text)
        assert caught.value.exit_code == 2
        for word in words:
            assert word in str(caught.value)
        assert "importlib" not in str(caught.value)
        assert str(Path(__file__).parents[3] / "wsproxy" / "addon") not in str(caught.value)
        assert bench.manager.scripts == ()
        assert not [name for name in set(sys.modules) - before if name.startswith("_wsproxy")]

    def test_says_what_is_not_there(self, bench: Bench) -> None:
        with pytest.raises(AddonError, match="no such file"):
            bench.manager.load("/no/such.py")
        with pytest.raises(AddonError, match="is a folder"):
            bench.manager.load(str(bench.folder))

    def test_says_what_cannot_be_read(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr("wsproxy.addon.script.version_of", refused)
        with pytest.raises(AddonError, match=r"mine cannot be loaded: .*mine\.py: Permission denied$"):
            bench.load("")

    def test_twice_is_refused(self, bench: Bench) -> None:
        bench.load(UPPER)
        with pytest.raises(AddonError, match="loaded already"):
            bench.load(UPPER)

    def test_a_hook_that_is_none_is_pointed_at(self, bench: Bench) -> None:
        bench.load("def ws_mesage(connection, message): pass")
        [told] = bench.told
        assert told == "addon mine: ws_mesage is no hook and will not be called; did you mean ws_message?"

    def test_an_imported_module_may_have_the_name_of_a_hook(self, bench: Bench) -> None:
        bench.write("", "done.py")
        bench.load("import done")
        assert bench.manager.scripts[0].hooks == {}
        del sys.modules["done"]

    def test_unloading_ends_it(self, bench: Bench) -> None:
        calls: list[str] = []
        bench.add(done=lambda: calls.append("done"), ws_message=lambda connection, message: message.drop())
        bench.manager.unload("mine")
        assert calls == ["done"]
        assert not bench.message().is_dropped
        with pytest.raises(AddonError, match=r"no addon 'mine' is loaded\. Loaded: none"):
            bench.manager.unload("mine")

    def test_all_end_the_last_first(self, bench: Bench) -> None:
        calls: list[str] = []

        def failing() -> None:
            raise ValueError("no")

        bench.add("a", done=lambda: calls.append("a"))
        bench.add("b", done=failing)
        bench.add("c", done=lambda: calls.append("c"))
        bench.manager.done()
        assert calls == ["c", "a"]
        assert "addon b failed in done: ValueError: no" in bench.told[0]

    def test_tells_the_carrier_when_something_else_is_wanted(self, bench: Bench) -> None:
        wanted: list[tuple[bool, bool, bool, bool]] = []
        manager = bench.manager
        manager.on_change = lambda: wanted.append(
            (manager.wants_handshakes, manager.wants_opens, manager.wants_messages, manager.wants_closes)
        )
        nothing: Any = lambda *arguments: None  # noqa: E731
        bench.add("a", ws_handshake=lambda connection: None)
        bench.add("b", ws_open=lambda connection: None)
        bench.add("c", ws_frame=lambda connection, frame: None)
        bench.add("d", ws_close=nothing)
        manager.done()
        assert wanted == [
            (True, False, False, False),
            (True, True, False, False),
            (True, True, True, False),
            (True, True, True, True),
            (False, False, False, False),
        ]


class TestOrder:
    def test_frames_come_before_their_message_and_addons_in_the_order_they_were_loaded(
        self, bench: Bench
    ) -> None:
        seen: list[str] = []
        for name in ("a", "b"):
            bench.add(
                name,
                ws_message=lambda connection, message, name=name: seen.append(f"{name} {message.text}"),
                ws_frame=lambda connection, frame, name=name: seen.append(f"{name} {frame.name}"),
            )
        bench.message(b"hello")
        bench.message(b"", 9)
        assert seen == ["a text", "a hello", "b text", "b hello", "a ping", "b ping"]

    def test_what_was_dropped_is_not_shown_to_the_next(self, bench: Bench) -> None:
        bench.add("a", ws_message=lambda connection, message: message.drop())
        bench.add("b", ws_message=lambda connection, message: message.replace("x"))
        transit = bench.message()
        assert transit.is_dropped
        assert transit.by == ("addon a",)

    def test_the_carrier_goes_on_when_all_have_been_asked(self, bench: Bench) -> None:
        seen: list[str] = []
        bench.add(ws_message=lambda connection, message: seen.append("hook"))
        bench.manager.dispatch_message(bench.facts, transit_of(), lambda: seen.append("then"))
        bench.manager.unload("mine")
        bench.manager.dispatch_message(bench.facts, transit_of(), lambda: seen.append("then"))
        assert seen == ["hook", "then", "then"]

    def test_opening_and_end_are_told(self, bench: Bench) -> None:
        seen: list[Any] = []
        bench.add(
            ws_open=lambda connection: seen.append(connection.id),
            ws_close=lambda connection: seen.append(connection.closure),
        )
        bench.manager.opened(bench.connection(8))
        bench.manager.closed(bench.facts, OVER)
        assert seen == [7, 8, 8, OVER]


class TestAsync:
    async def test_the_message_waits_for_a_hook(self, bench: Bench) -> None:
        seen: list[str] = []
        go_on = asyncio.Event()

        async def ws_message(connection: Connection, message: Message) -> None:
            await go_on.wait()
            message.text += " a"

        bench.add("a", ws_message=ws_message)
        bench.add("b", ws_message=lambda connection, message: message.replace(message.text + " b"))
        transit = transit_of(b"hello")
        bench.manager.dispatch_message(bench.facts, transit, lambda: seen.append("then"))
        await asyncio.sleep(0)
        assert transit.is_held
        assert (transit.content, seen) == (b"hello", [])
        go_on.set()
        await asyncio.gather(*bench.link.tasks)
        assert not transit.is_held
        assert (transit.content, seen) == (b"hello a b", ["then"])

    async def test_several_in_a_row_are_called_one_after_the_other(self, bench: Bench) -> None:
        async def ws_message(connection: Connection, message: Message) -> None:
            before = message.text
            await asyncio.sleep(0)
            message.text = before + "."

        for name in ("a", "b", "c"):
            bench.add(name, ws_message=ws_message)
        transit = bench.message(b"")
        while len(bench.link.tasks) < 3 or transit.is_held:
            await asyncio.sleep(0)
        assert transit.content == b"..."

    async def test_an_exception_takes_back_what_the_hook_did(self, bench: Bench) -> None:
        async def ws_message(connection: Connection, message: Message) -> None:
            message.drop()
            await asyncio.sleep(0)
            raise ValueError("no")

        bench.add(ws_message=ws_message)
        transit = bench.message()
        await asyncio.gather(*bench.link.tasks)
        assert (transit.content, transit.is_dropped, transit.is_held) == (b"hello", False, False)
        assert "failed in ws_message: ValueError: no" in bench.told[0]

    async def test_a_message_that_could_not_wait_any_longer_is_too_late(self, bench: Bench) -> None:
        go_on = asyncio.Event()
        seen: list[str] = []

        async def ws_message(connection: Connection, message: Message) -> None:
            await go_on.wait()
            message.drop()

        bench.add("a", ws_message=ws_message)
        bench.add("b", ws_message=lambda connection, message: seen.append(message.text))
        transit = bench.message()
        await asyncio.sleep(0)
        transit.release_all("limit", "")
        transit.went()
        go_on.set()
        await asyncio.gather(*bench.link.tasks)
        assert "TooLate: the message has been sent" in bench.told[0]
        assert seen == []

    async def test_a_ping_does_not_wait(self, bench: Bench) -> None:
        seen: list[bytes] = []

        async def ws_frame(connection: Connection, frame: Frame) -> None:
            await asyncio.sleep(0)
            seen.append(frame.payload)

        bench.add(ws_frame=ws_frame)
        assert not bench.message(b"beat", 9).is_held
        await asyncio.gather(*bench.link.tasks)
        assert seen == [b"beat"]

    async def test_opening_and_end_may_be_async(self, bench: Bench) -> None:
        seen: list[str] = []

        async def ws_open(connection: Connection) -> None:
            await asyncio.sleep(0)
            seen.append("open")
            raise ValueError("opened")

        async def ws_close(connection: Connection) -> None:
            await asyncio.sleep(0)
            seen.append("close")

        bench.add(ws_open=ws_open, ws_close=ws_close)
        bench.manager.closed(bench.facts, OVER)
        await asyncio.gather(*bench.link.tasks)
        assert seen == ["open", "close"]
        assert "failed in ws_open: ValueError: opened" in bench.told[0]

    async def test_a_stop_lets_go(self, bench: Bench) -> None:
        async def ws_message(connection: Connection, message: Message) -> None:
            await asyncio.Event().wait()

        bench.add(ws_message=ws_message)
        transit = bench.message()
        await asyncio.sleep(0)
        bench.link.tasks[0].cancel()
        await asyncio.gather(*bench.link.tasks, return_exceptions=True)
        assert not transit.is_held


class TestExceptions:
    def test_take_back_what_the_hook_did_and_nothing_else(self, bench: Bench) -> None:
        def ws_message(connection: Connection, message: Message) -> None:
            message.replace(b"b", "binary")
            message.hold()
            message.delay(1)
            message.drop()
            raise KeyError("x")

        bench.add("a", ws_message=lambda connection, message: message.replace("a"))
        bench.add("b", ws_message=ws_message)
        bench.add("c", ws_message=lambda connection, message: message.replace(message.text + "c"))
        transit = bench.message()
        assert (transit.content, transit.sent_opcode, transit.is_dropped) == (b"ac", 1, False)
        assert not transit.is_held
        assert transit.by == ("addon a", "addon c")
        bench.link.ring()

    def test_an_exit_is_one_too(self, bench: Bench) -> None:
        bench.load("import sys\ndef ws_message(connection, message): sys.exit('enough')\n")
        assert not bench.message().is_changed
        assert "SystemExit: enough" in bench.told[0]

    def test_leave_what_arrived_as_it_was(self, bench: Bench) -> None:
        def ws_message(connection: Connection, message: Message) -> None:
            message.text = "else"
            raise KeyError("x")

        bench.add(ws_message=ws_message)
        transit = bench.message()
        assert not transit.is_changed
        assert transit.by == ()

    def test_are_told_once_each_with_the_addons_part_of_the_traceback(self, bench: Bench) -> None:
        bench.load(
            "import json\n"
            "def read(message):\n"
            "    return message.json()['a']\n"
            "def ws_message(connection, message):\n"
            "    read(message)\n"
        )
        for content in (b"no", b"{}", b"neither", b"[]", b"{}"):
            bench.message(content)
        path = bench.folder / "mine.py"
        decode, key, index = bench.told
        assert key == (
            f"addon mine failed in ws_message: KeyError: 'a' ({path}, line 3)\n"
            f'  File "{path}", line 5, in ws_message\n    read(message)\n'
            + ("    ~~~~^^^^^^^^^\n" if sys.version_info >= (3, 13) else "")
            + f"  File \"{path}\", line 3, in read\n    return message.json()['a']\n"
            "           ~~~~~~~~~~~~~~^^^^^"
        )
        assert "JSONDecodeError" in decode
        assert "TypeError" in index
        errors = bench.manager.scripts[0].errors
        assert errors[("KeyError", str(path), 3)] == 2
        assert errors[("JSONDecodeError", str(path), 3)] == 2

    def test_are_told_again_after_a_reload(self, bench: Bench) -> None:
        path = bench.write("def ws_message(connection, message): 1 / 0\n")
        bench.manager.load(str(path))
        bench.message()
        bench.message()
        path.write_text("def ws_message(connection, message): 1 / 0  # still\n")
        bench.manager.check()
        bench.message()
        assert sum("ZeroDivisionError" in told for told in bench.told) == 2

    def test_of_configure_are_told_and_the_others_go_on(self, bench: Bench) -> None:
        seen: list[set[str]] = []

        def configure(changed: set[str]) -> None:
            if changed:
                raise KeyError("x")

        bench.add("a", configure=configure)
        bench.add("b", configure=seen.append)
        bench.manager.configure({"verbose"})
        assert seen == [set(), {"verbose"}]
        assert "addon a failed in configure: KeyError: 'x'" in bench.told[0]


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


class TestOptions:
    def test_have_the_type_of_their_default(self, tmp_path: Path) -> None:
        values = {"m_int": "3", "m_float": "0.5", "m_bool": "true", "m_list": ["a", "b"], "m_other": "x"}
        bench = Bench(tmp_path, values)
        seen: list[Any] = []
        bench.load(
            "def load(options):\n"
            "    options.add('m_int', 1, 'a number')\n"
            "    options.add('m_float', 2.0, 'a number')\n"
            "    options.add('m_bool', False, 'yes or no')\n"
            "    options.add('m_str', 'word', 'a word')\n"
            "    options.add('m_list', [], 'some')\n"
            "    options.add('m_none', None, 'perhaps')\n"
            "def ws_message(connection, message):\n"
            "    o = connection.options\n"
            "    message.text = repr([o.m_int, o.m_float, o.m_bool, o.m_str, o.m_list, o.m_none])\n"
        )
        assert bench.message().content == b"[3, 0.5, True, 'word', ['a', 'b'], None]"
        kinds = {o.name: o.type_name for o in bench.manager.scripts[0].options.declared.values()}
        assert list(kinds.values()) == ["int", "number", "bool", "str", "list", "str, optional"]
        assert bench.values.unknown == ["m_other"]
        assert seen == []

    def test_are_taken_as_mitmproxy_spells_them(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, {"count": "4"})
        bench.load(
            "from typing import Optional, Sequence\n"
            "def load(loader):\n"
            "    loader.add_option(name='count', typespec=int, default=1, help='how many')\n"
            "    loader.add_option('perhaps', Optional[int], None, 'or none')\n"
            "    loader.add_option('some', Sequence[str], ['x'], 'a few')\n"
            "    loader.add_command('mine.go', print)\n"
            "def ws_message(connection, message):\n"
            "    o = connection.options\n"
            "    message.text = repr([o.count, o.perhaps, o.some])\n"
        )
        assert bench.message().content == b"[4, None, ['x']]"

    @pytest.mark.parametrize(
        ("declared", "value", "words"),
        [
            ("1", "many", "x is a whole number, not 'many'"),
            ("1.5", "many", "x is a number, not 'many'"),
            ("True", "perhaps", "x is true or false, not 'perhaps'"),
            ("'a', 'help', ['a', 'b']", "c", "x is one of a, b, not 'c'"),
        ],
    )
    def test_with_impossible_values_are_refused_in_a_sentence(
        self, tmp_path: Path, declared: str, value: str, words: str
    ) -> None:
        bench = Bench(tmp_path, {"x": value})
        arguments = declared if "help" in declared else f"{declared}, 'help'"
        with pytest.raises(OptionError) as caught:
            bench.load(f"def load(options): options.add('x', {arguments})")
        assert str(caught.value) == words
        assert caught.value.exit_code == 2

    def test_can_be_judged_by_the_addon(self, bench: Bench) -> None:
        text = (
            "from wsproxy import addon\n"
            "def load(options):\n"
            "    options.add('x', '', 'a word')\n"
            "    global o\n"
            "    o = options\n"
            "def configure(changed):\n"
            "    assert changed == {'x'}\n"
            "    if o.x == 'bad': raise addon.OptionError('x is not bad')\n"
        )
        bench.load(text)
        bench.values.set("x", "bad")
        with pytest.raises(OptionError, match="x is not bad"):
            bench.manager.configure({"x"})

    def test_with_a_filter_that_is_none_are_refused(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WSPROXY_HOME", str(bench.folder))
        bench.load(
            "from wsproxy import addon\n"
            "from wsproxy.filters.parser import parse\n"
            "def load(options):\n"
            "    options.add('x', '', 'a filter')\n"
            "    options.add('y', '', 'a filter')\n"
            "    global o\n"
            "    o = options\n"
            "def configure(changed):\n"
            "    addon.parse_filter(o.x)\n"
            "    parse(o.y or '~all')\n"
        )
        for name, words in (("x", "'~no': filter, column 1: .*~no"), ("y", "filter, column 1: .*~no")):
            bench.values.set(name, "~no")
            with pytest.raises(OptionError, match=words):
                bench.manager.configure({name})
            bench.values.set(name, "")
        bench.values.set("x", "@nothing")
        with pytest.raises(OptionError, match="nothing"):
            bench.manager.configure({"x"})

    def test_cannot_be_set_from_inside(self, bench: Bench) -> None:
        bench.load("def load(options):\n    options.add('x', 1, '')\ndef ws_message(c, m): c.options.x = 2")
        bench.message()
        assert "AttributeError: an option is set with --set x=VALUE" in bench.told[0]

    def test_must_have_a_name_that_can_be_read(self, bench: Bench) -> None:
        for name in ("a-b", "add", "check"):
            with pytest.raises(AddonError, match="cannot be the name of an option"):
                bench.load(f"def load(options): options.add({name!r}, 1, '')")
