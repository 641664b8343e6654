"""Options of addons: what they take, from whom, and what is said of what they do not."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.addon.conftest import Bench
from wsproxy.addon import AddonError, OptionError


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
