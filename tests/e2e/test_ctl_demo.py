"""The walk-through of `wsproxy help control`: a message of the demo's chat, from a second terminal."""

import asyncio
import json
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as websocket

from tests.support.control import environment
from wsproxy.store.reader import Reader


@dataclass
class Demo:
    """A running `wsproxy demo`."""

    home: Path
    capture: Path
    proxy: str
    origin: str

    async def ctl(self, *words: str) -> str:
        """Another process, as in a second terminal; what it says on stdout, and on stderr."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wsproxy", "ctl", *words, env=environment(self.home),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()

    async def held(self) -> dict:
        """The only held message, as soon as there is one."""
        async with asyncio.timeout(30):
            while not (out := await self.ctl("held", "--json")):
                await asyncio.sleep(0.05)
        [line] = out.splitlines()
        return json.loads(line)


@asynccontextmanager
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    home, capture = tmp_path / "home", tmp_path / "demo.wsp"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsproxy", "demo", "-p", "0", "-w", str(capture), env=environment(home),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr
    said = b""
    try:
        async with asyncio.timeout(60):
            while b"Ctrl-C ends it" not in said:
                line = await process.stderr.readline()
                assert line, said.decode()
                said += line
        port = re.search(rb"listening on 127\.0\.0\.1:(\d+)", said)
        origin = re.search(rb"http://(127\.0\.0\.1:\d+)/", said)
        assert port
        assert origin
        yield Demo(home, capture, f"http://127.0.0.1:{port[1].decode()}", f"ws://{origin[1].decode()}")
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 30)


async def test_a_chat_message_is_held_edited_and_released_from_a_second_terminal(tmp_path):
    async with (
        demo(tmp_path) as shown,
        websocket(f"{shown.origin}/chat?name=ada", proxy=shown.proxy) as ada,
        websocket(f"{shown.origin}/chat?name=bob", proxy=shown.proxy) as bob,
    ):
        for chatter, greetings in ((ada, 3), (bob, 2)):
            for _ in range(greetings):
                await asyncio.wait_for(chatter.recv(), 10)
        connections = await shown.ctl("connections")
        assert "/chat?name=ada" in connections
        assert "/chat?name=bob" in connections
        await shown.ctl("hold", "add", "--from", "client", "~b hello")
        await ada.send("hello bob")
        held = await shown.held()
        assert (held["preview"], held["connection"]) == ("hello bob", 1)
        # Nobody else waits.
        await bob.send("is anybody there?")
        assert await asyncio.wait_for(ada.recv(), 10) == "log: bob: is anybody there?"
        assert await asyncio.wait_for(bob.recv(), 10) == "log: bob: is anybody there?"
        said = await shown.ctl("edit", str(held["id"]), "--text", "goodbye bob")
        assert "changed (11 B) and sent" in said
        for chatter in (ada, bob):
            assert await asyncio.wait_for(chatter.recv(), 10) == "log: ada: goodbye bob"
        await ada.send("hello again")
        held = await shown.held()
        await shown.ctl("release", str(held["id"]))
        assert await asyncio.wait_for(bob.recv(), 10) == "log: ada: hello again"
        await shown.ctl("hold", "remove", "all")
    with Reader(shown.capture) as reader:
        edited, *_ = reader.decisions(0, 1 << 60)
    assert (edited.action, edited.by, edited.from_client) == ("edit", "rule 1, hand", True)
    assert edited.held > 0


@pytest.mark.parametrize(("change", "expected"), [("s/hello/goodbye/", "goodbye bob"), ("s/x/x/", None)])
async def test_without_an_option_a_held_message_is_opened_in_the_editor(tmp_path, change, expected):
    async with demo(tmp_path) as shown, websocket(f"{shown.origin}/echo", proxy=shown.proxy) as client:
        await shown.ctl("hold", "add", "--from", "client")
        await client.send("hello bob")
        held = await shown.held()
        # An editor that ends its file with a line break, as most do.
        editor = tmp_path / "editor"
        editor.write_text(f'#!/bin/sh\nsed -i "{change}" "$1"\necho >> "$1"\n')
        editor.chmod(0o700)
        master, terminal = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wsproxy", "ctl", "edit", str(held["id"]),
            env={**environment(shown.home), "VISUAL": str(editor), "EDITOR": str(editor)},
            stdin=terminal, stdout=terminal, stderr=terminal,
        )  # fmt: skip
        os.close(terminal)
        status = await asyncio.wait_for(process.wait(), 30)
        said = os.read(master, 1000).decode()
        os.close(master)
        if expected:
            assert status == 0, said
            assert await asyncio.wait_for(client.recv(), 10) == expected
        else:
            assert (status, "Nothing was changed" in said) == (1, True)
            assert (await shown.held())["id"] == held["id"]
            # Its Close frame would wait behind what is held.
            client.transport.abort()
