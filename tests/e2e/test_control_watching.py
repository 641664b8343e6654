"""Watching a running engine, from inside of its process."""

import asyncio
import json
import time

from tests.support import raw
from tests.support.control import run_file
from tests.support.inprocess import engine
from wsproxy.control.client import Client
from wsproxy.control.runfile import RunFile
from wsproxy.engine.control_events import MOST_SUBSCRIBERS, MOST_WAITING, Subscription
from wsproxy.wire.encode import encode_frame


def events_request(run: RunFile) -> bytes:
    head = (f"Host: 127.0.0.1:{run.port}", f"Authorization: Bearer {run.token}")
    return "\r\n".join(("GET /events HTTP/1.1", *head, "", "")).encode()


async def watch(home) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A subscriber that has had the head of the answer and the first event."""
    run = run_file(home)
    reader, writer = await asyncio.open_connection("127.0.0.1", run.port, limit=4096)
    writer.write(events_request(run))
    await asyncio.wait_for(reader.readuntil(b'"subscribed"'), 10)
    return reader, writer


async def test_a_watcher_that_does_not_read_costs_little_and_is_told_what_it_missed(tmp_path, monkeypatch):
    async with engine(tmp_path, monkeypatch) as running:
        reader, writer = await watch(tmp_path / "home")
        feed = running.engine.control.feed
        sent = MOST_WAITING * 20
        before = time.process_time()
        for number in range(sent):
            feed.publish("told", {"message": f"{number} " + "x" * 1000})
        # Formatting is all that it costs.
        assert time.process_time() - before < 20
        told: list[int] = []
        count = 0
        buffer = b""
        while len(told) + count < sent:
            buffer += await asyncio.wait_for(reader.read(1 << 16), 10)
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                if line.startswith(b"{"):
                    event = json.loads(line)
                    if event["event"] == "told":
                        told.append(int(event["message"].split()[0]))
                    elif event["event"] == "missed":
                        count += event["count"]
        assert told == list(range(MOST_WAITING))
        assert count == sent - MOST_WAITING
        writer.close()
        await writer.wait_closed()


async def test_a_watcher_that_leaves_is_forgotten(tmp_path, monkeypatch):
    async with engine(tmp_path, monkeypatch) as running:
        _, writer = await watch(tmp_path / "home")
        feed = running.engine.control.feed
        assert len(feed) == 1
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(10):
            while len(feed):
                await asyncio.sleep(0.01)


async def test_too_many_watchers_are_refused(tmp_path, monkeypatch):
    async with engine(tmp_path, monkeypatch) as running:
        feed = running.engine.control.feed
        subscriptions = [feed.subscribe() for _ in range(MOST_SUBSCRIBERS)]
        assert all(subscriptions)
        assert feed.subscribe() is None
        run = run_file(tmp_path / "home")
        reader, writer = await asyncio.open_connection("127.0.0.1", run.port)
        writer.write(events_request(run))
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 503 ")
        writer.close()
        await writer.wait_closed()


async def test_a_subscription_that_has_ended_gives_what_was_left_and_then_nothing():
    subscription = Subscription()
    subscription.put("a\n")
    subscription.put("b\n")
    subscription.end()
    assert await subscription.take() == ("a\nb\n", 0)
    assert await subscription.take() == ("", 0)


async def test_what_the_proxy_says_on_any_thread_is_an_event(tmp_path, monkeypatch):
    async with engine(tmp_path, monkeypatch) as running:
        reader, writer = await watch(tmp_path / "home")
        await asyncio.to_thread(running.engine._tell, "the disk is \x1b[31mfull")
        line = await asyncio.wait_for(reader.readuntil(b'full"}'), 10)
        assert b'"told"' in line
        assert b"\\u001b[31mfull" in line
        writer.close()
        await writer.wait_closed()


async def test_pages_give_every_held_message_once(tmp_path, monkeypatch):
    async with engine(tmp_path, monkeypatch, settings=("hold_limit=64m",)) as running, raw.origin() as origin:
        running.engine.desk.add_rule("hold", "")
        client = await raw.connect(running.port, "127.0.0.1", origin.port)
        await client.send(b"".join(encode_frame(1, b"%d" % n, mask=b"abcd") for n in range(1234)))
        async with asyncio.timeout(20):
            while len(running.engine.desk.held) < 1234:
                await asyncio.sleep(0.01)
        proxy = Client(run_file(tmp_path / "home"))
        held = await asyncio.to_thread(lambda: list(proxy.held()))
        assert [message["preview"] for message in held] == [str(n) for n in range(1234)]
        assert [message["waiting_messages"] for message in held] == list(reversed(range(1234)))
        assert (held[-1]["waiting_bytes"], held[-2]["waiting_bytes"]) == (0, 10)
        await client.close()


async def test_the_last_thing_a_watcher_hears_is_how_connections_ended_with_the_proxy(tmp_path, monkeypatch):
    async with engine(tmp_path, monkeypatch) as running, raw.origin() as origin:
        client = await raw.connect(running.port, "127.0.0.1", origin.port)
        reader, writer = await watch(tmp_path / "home")
        running.engine.stop()
        lines = (await asyncio.wait_for(reader.read(), 10)).split(b"\r\n")
        # The end of a chunked answer (RFC 9112 section 7.1).
        assert lines[-3:] == [b"0", b"", b""]
        last = json.loads([line for line in lines if line.startswith(b"{")][-1])
        assert (last["event"], last["connection"], last["how"]) == ("close", 1, "stopped")
        writer.close()
        await client.close()
