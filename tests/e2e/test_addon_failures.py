"""An addon that fails in the real engine: it is said, line by line, and traffic goes on."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.support.inprocess import engine
from tests.support.talk import talk
from wsproxy.errors import AddonError, UsageError

FAILS = """
def ws_message(connection, message):
    message.text = "changed"
    raise KeyError(message.type)
"""


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return path


async def test_what_it_raises_is_said_once_and_its_change_does_not_count(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch, scripts=(str(script(tmp_path, FAILS)),)) as t:
        for content in ("one", "two"):
            await t.client.send(content)
            assert await t.server.recv() == content
        said = list(t.running.said)
    path = tmp_path / "mine.py"
    assert said.count(f"addon mine failed in ws_message: KeyError: 'text' ({path}, line 4)") == 1
    assert said.count(f'  File "{path}", line 4, in ws_message') == 1
    assert "    raise KeyError(message.type)" in said


async def test_a_broken_new_version_is_said_and_the_old_one_stays(tmp_path, monkeypatch):
    path = script(tmp_path, "def ws_message(connection, message): message.text += '!'\n")
    async with talk(tmp_path, monkeypatch, scripts=(str(path),)) as t:
        # Not half a file: the proxy may look at any moment.
        (tmp_path / "new").write_text("def ws_message(:\n")
        os.replace(tmp_path / "new", path)
        async with asyncio.timeout(20):
            while not any("; the version before it stays" in line for line in t.running.said):
                await asyncio.sleep(0.05)
        assert "    def ws_message(:" in t.running.said
        await t.client.send("hello")
        assert await t.server.recv() == "hello!"


@pytest.mark.parametrize(
    ("text", "settings", "error", "words"),
    [
        ("def ws_message(:", (), AddonError, r"SyntaxError: .*mine\.py, line 1\)"),
        ("def load(options): options.add('mine', 1, 'x')", ("mine=x",), UsageError, "(?i)not an integer"),
        ("def load(options): options.add('mine', 1.5, 'x')", ("mine=x",), UsageError, "a number, not 'x'"),
    ],
)
async def test_a_start_with_it_fails(tmp_path, monkeypatch, text, settings, error, words):
    with pytest.raises(error, match=words) as caught:
        async with engine(tmp_path, monkeypatch, scripts=(str(script(tmp_path, text)),), settings=settings):
            raise AssertionError("it started")
    assert caught.value.exit_code == 2
