"""Addons are loaded, asked in order, reloaded; and none can hurt the traffic."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.addon.conftest import OVER, UPPER, Bench, transit_of
from wsproxy.addon import AddonError, Connection, Message


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
