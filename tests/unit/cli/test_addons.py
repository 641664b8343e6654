"""`wsproxy addons`: the list, one page, the source, JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from wsproxy.addon.library import shipped

Run = Callable[..., Result]


def test_lists_the_shipped_addons_with_their_options(wsproxy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = wsproxy("addons")
    assert done.exit_code == 0
    for name in shipped():
        assert f"\n{name} " in f"\n{done.stdout}"
    assert "delay, delay_jitter, delay_bandwidth, delay_filter, delay_seed" in done.stdout
    options = [line for line in done.stdout.splitlines() if line.startswith(" ")]
    assert max(map(len, options)) <= 80


def test_explains_one(wsproxy: Run) -> None:
    done = wsproxy("addons", "inject")
    assert done.exit_code == 0
    assert "wsproxy dump -s inject --set" in done.stdout
    assert "  inject_to  server|client\n      Who gets it.\n      default: server\n" in done.stdout
    assert "  inject_on_open  bool\n" in done.stdout
    assert "default: false" in done.stdout


def test_prints_the_source(wsproxy: Run) -> None:
    done = wsproxy("addons", "drop", "--source")
    assert done.stdout == shipped()["drop"].read_text(encoding="utf-8")


def test_prints_json(wsproxy: Run) -> None:
    done = wsproxy("addons", "--json")
    found = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert list(found) == list(shipped())
    assert found["delay"]["options"][0] == {
        "name": "delay",
        "type": "number",
        "default": 0.2,
        "choices": [],
        "help": "Seconds every message is kept.",
    }
    assert found["drop"]["hooks"] == ["load", "configure", "ws_frame", "ws_message"]


def test_explains_a_file_of_ones_own_without_configuring_it(wsproxy: Run, tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "'''Mine\x1b[31m.'''\n"
        "def load(options): options.add('mine', ['a', 'b'], 'What.')\n"
        "def configure(changed): raise SystemExit\n"
    )
    done = wsproxy("addons", script)
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "  mine  list\n      What.\n      default: a  b\n" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [("def f(:", "SyntaxError"), ("def load(options): 1 / 0", "ZeroDivisionError"), (None, "no such file")],
)
def test_says_what_is_wrong(wsproxy: Run, tmp_path: Path, text: str | None, words: str) -> None:
    script = tmp_path / "mine.py"
    if text is not None:
        script.write_text(text)
    done = wsproxy("addons", script)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_source_of_all_is_a_mistake(wsproxy: Run) -> None:
    done = wsproxy("addons", "--source")
    assert done.exit_code == 2
    assert "--source needs the name of an addon" in done.stderr


def test_suggests_the_nearest_name(wsproxy: Run) -> None:
    assert "Did you mean the shipped addon 'delay'?" in wsproxy("addons", "delya").stderr
