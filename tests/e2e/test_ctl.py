"""`wsproxy ctl` against a running proxy between real peers."""

import asyncio
import json
import os
import sys

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.control import environment, talk
from wsproxy.control.client import Client
from wsproxy.store.reader import Reader
from wsproxy.wire.encode import encode_frame


async def closed(peer) -> tuple[int, str]:
    """The code and reason of the Close frame that a peer gets."""
    with pytest.raises(ConnectionClosed) as info:
        await asyncio.wait_for(peer.recv(), 10)
    assert info.value.rcvd
    return info.value.rcvd.code, info.value.rcvd.reason


# Holding.


async def test_a_message_is_held_shown_edited_and_released(tmp_path):
    async with talk(tmp_path) as t:
        said = await t.ctl("hold", "add", "~b secret", "--from", "client")
        assert said.code == 0
        assert "rule 1" in said.err
        await t.client.send("a secret")
        await t.client.send("behind it")
        [held] = await t.held()
        while not held["waiting_messages"]:
            [held] = await t.held()
        assert (held["connection"], held["direction"], held["type"], held["length"]) == (1, "send", "text", 8)
        assert (held["preview"], held["filter"]) == ("a secret", "~fromclient & (~b secret)")
        assert held["waiting_bytes"] >= 9
        [shown] = await t.json("held", held["id"])
        assert (shown["text"], shown["truncated"]) == ("a secret", False)
        said = await t.ctl("edit", held["id"], "--text", "no söcret")
        assert said.code == 0, said.err
        assert await t.server.recv() == "no söcret"
        assert await t.server.recv() == "behind it"
        assert await t.json("held") == []
        assert [rule["hits"] for rule in await t.json("hold", "list")] == [1]


async def test_the_tables_for_people_name_what_is_held_and_who_waits(tmp_path):
    async with talk(tmp_path) as t:
        await t.ctl("hold", "add", "~b one")
        await t.client.send("one \x1b[31m")
        await t.held()
        listed = (await t.ctl("held")).out
        assert "one \\x1b[31m" in listed
        assert "\x1b" not in listed
        assert "rule 1" in listed
        whole = (await t.ctl("held", 1)).out
        assert "text, 9 B" in whole
        assert "one \\x1b[31m" in whole
        assert "1 held, 1 wait" in (await t.ctl("connections")).out
        status = (await t.ctl("status")).out
        assert "1 message" in status
        assert str(t.proxy.capture) in status
        assert (await t.ctl("held", 1, "--raw")).out == "one \x1b[31m"
        assert "hold ~b one" in (await t.ctl("rule", "list")).out
        assert (await t.ctl("held", "--color", "always")).out.count("\x1b[") > 3


async def test_an_edited_message_can_stay_held_and_change_its_type(tmp_path):
    async with talk(tmp_path) as t:
        await t.ctl("hold", "add")
        await t.server.send("old")
        await t.held()
        assert (await t.ctl("edit", 1, "--hex", "00 ff", "--type", "binary", "--keep")).code == 0
        [held] = await t.held()
        assert (held["type"], held["length"], held["changed"]) == ("binary", 2, True)
        assert (await t.ctl("edit", 1, "--file", "-", stdin=b"\1\2\3")).code == 0
        assert await t.client.recv() == b"\1\2\3"


async def test_messages_are_released_and_dropped_in_any_order_and_leave_in_theirs(tmp_path):
    async with talk(tmp_path) as t:
        await t.ctl("hold", "add", "~fromclient")
        for text in ("a", "b", "c", "d"):
            await t.client.send(text)
        await t.held(4)
        [gone] = await t.json("release", 2)
        assert gone == {"id": 2, "connection": 1, "gone": False}
        assert (await t.ctl("drop", 1)).code == 0
        assert await t.server.recv() == "b"
        said = await t.ctl("release", 9, 3)
        assert said.code == 1
        assert "there is no held message 9" in said.err
        assert await t.server.recv() == "c"
        assert [gone["id"] for gone in await t.json("drop", "all")] == [4]
        said = await t.ctl("release", "all")
        assert (said.code, said.err) == (1, "No message is held.\n")


async def test_a_held_close_frame_is_edited_within_the_rules(tmp_path):
    async with talk(tmp_path) as t:
        await t.ctl("hold", "add", "~close", "--from", "client")
        closing = asyncio.ensure_future(t.client.close(1000, "bye"))
        [held] = await t.held()
        assert held["type"] == "close"
        said = await t.ctl("edit", 1, "--text", "bye")
        assert said.code == 2
        assert "is no close code that may be sent" in said.err
        assert (await t.ctl("edit", 1, "--hex", "0fa1" + b"later".hex())).code == 0
        assert await closed(t.server) == (4001, "later")
        await closing


async def test_hold_remove_lets_go_and_leaves_other_rules_alone(tmp_path):
    async with talk(tmp_path) as t:
        await t.ctl("rule", "add", "rewrite", "", "/tea/coffee/")
        await t.ctl("hold", "add")
        await t.client.send("tea")
        await t.held()
        said = await t.ctl("hold", "remove", 1)
        assert (said.code, "there is no rule that holds, 1" in said.err) == (1, True)
        assert (await t.ctl("hold", "remove", "all")).code == 0
        assert await t.server.recv() == "coffee"
        assert [rule["action"] for rule in await t.json("rule", "list")] == ["rewrite"]
        assert (await t.ctl("hold", "remove", "all")).code == 1


async def test_rules_are_switched_off_and_on_and_removed(tmp_path):
    async with talk(tmp_path) as t:
        [made] = await t.json("rule", "add", "rewrite", "~fromclient", "|tea|coffee|")
        assert (made["id"], made["enabled"], made["argument"]) == (1, True, "|tea|coffee|")
        await t.client.send("tea")
        assert await t.server.recv() == "coffee"
        await t.ctl("rule", "off", 1)
        await t.client.send("tea")
        assert await t.server.recv() == "tea"
        await t.ctl("rule", "on", "all")
        await t.client.send("tea")
        assert await t.server.recv() == "coffee"
        [gone] = await t.json("rule", "remove", 1)
        assert gone["hits"] == 2
        said = await t.ctl("rule", "off", 1)
        assert (said.code, "there is no rule 1" in said.err) == (1, True)
        await t.client.send("tea")
        assert await t.server.recv() == "tea"


# Sending, closing, cutting.


async def test_everything_that_can_be_sent_arrives_and_is_on_record(tmp_path):
    async with talk(tmp_path) as t:
        file = tmp_path / "picture"
        file.write_bytes(bytes(range(256)))
        assert (await t.ctl("send", 1, "--to", "client", "--text", "→ hello")).code == 0
        assert await t.client.recv() == "→ hello"
        await t.ctl("send", 1, "--to", "server", "--binary-file", file)
        assert await t.server.recv() == bytes(range(256))
        await t.ctl("send", 1, "--to", "server", "--hex", "68 69", "--type", "text")
        assert await t.server.recv() == "hi"
        await t.ctl("send", 1, "--to", "server", "--ping", "are you there")
        await t.ctl("send", 1, "--to", "client", "--ping")
        await t.ctl("send", 1, "--to", "client", "--raw-frame", encode_frame(2, b"raw").hex())
        assert await t.client.recv() == b"raw"
        await t.ctl("send", 1, "--to", "client", "--pong", "unasked")
        async with asyncio.timeout(20):
            decisions = []
            while len(decisions) < 7:
                await asyncio.sleep(0.05)
                with Reader(t.proxy.capture) as reader:
                    decisions = reader.decisions(0, 1 << 60)
        events = t.proxy.events()
        assert [(d.action, d.by) for d in decisions] == [("inject", "hand")] * 7
        pongs = [e.frame.payload for e in events if hasattr(e, "frame") and e.frame.opcode == 10]
        assert sorted(pongs) == [b"", b"are you there", b"unasked"]


async def test_a_connection_is_closed_with_a_code_on_one_side_or_both(tmp_path):
    async with talk(tmp_path) as t:
        [done] = await t.json("close", 1, "--code", 4001, "--reason", "später")
        assert done == {"connection": 1, "to": "both", "code": 4001, "reason": "später"}
        assert await closed(t.client) == (4001, "später")
        assert await closed(t.server) == (4001, "später")


async def test_a_close_frame_can_be_without_a_code_and_for_one_side_only(tmp_path):
    async with talk(tmp_path) as t:
        assert (await t.ctl("close", 1, "--no-code", "--to", "client")).code == 0
        assert await closed(t.client) == (1005, "")


async def test_a_cut_connection_ends_without_a_close_frame(tmp_path):
    async with talk(tmp_path) as t:
        assert (await t.ctl("cut", 1)).code == 0
        await asyncio.gather(t.client.wait_closed(), t.server.wait_closed())
        assert (t.client.close_code, t.server.close_code) == (1006, 1006)
        said = await t.ctl("cut", 1)
        assert (said.code, said.err.splitlines()[0]) == (1, "wsproxy: error: connection 1 is closed")


async def test_what_is_held_does_not_keep_what_is_sent_by_hand(tmp_path):
    async with talk(tmp_path) as t:
        await t.ctl("hold", "add", "~fromclient")
        await t.client.send("held")
        await t.held()
        await t.ctl("send", 1, "--to", "server", "--text", "past it")
        assert await t.server.recv() == "past it"
        await t.ctl("release", "all")
        assert await t.server.recv() == "held"


# Options, status, addons, events.


async def test_options_are_changed_while_it_runs(tmp_path):
    async with talk(tmp_path) as t:
        [before] = await t.json("options", "hold_seconds")
        assert (before["value"], before["own"], before["live"]) == ("600", True, True)
        await t.ctl("hold", "add")
        assert (await t.ctl("set", "hold_seconds=0.2")).code == 0
        await t.client.send("wait")
        assert await t.server.recv() == "wait"
        [status] = await t.json("status")
        assert status["options"]["hold_seconds"] == "0.2"
        await t.ctl("set", "ignore_hosts=a{1,2}", "ignore_hosts=b")
        shown = {option["name"]: option["value"] for option in await t.json("options")}
        assert shown["ignore_hosts"] == ["a{1,2}", "b"]
        assert "confdir" not in {name for name, value in shown.items() if not value}
        assert "hold_seconds" in (await t.ctl("options")).out
        assert len(await t.json("options", "--all")) > len(shown)


async def test_the_status_counts_what_is_there(tmp_path):
    async with talk(tmp_path) as t:
        await t.ctl("hold", "add")
        await t.client.send("a")
        await t.held()
        [status] = await t.json("status")
        assert status["listen"] == [f"127.0.0.1:{t.proxy.port}"]
        assert status["capture"] == str(t.proxy.capture)
        assert status["pid"] == t.proxy.pid
        assert (status["connections"]["open"], status["connections"]["recorded"]) == (1, 1)
        assert (status["held"], status["rules"], status["addons"]) == (1, 1, 0)
        [connection] = await t.json("connections")
        assert connection["url"].endswith("/room")
        assert (connection["send"]["held"], connection["receive"]["held"]) == (1, 0)
        assert connection["send"]["editing"]
        assert (await t.ctl("addons")).err == "No addon is loaded.\n"
        assert await t.json("addons") == []


async def test_addons_and_their_options_are_there(tmp_path):
    async with talk(tmp_path, "-s", "drop", "--set", "drop=~b noise") as t:
        await t.client.send("noise")
        await t.client.send("signal")
        assert await t.server.recv() == "signal"
        [loaded] = await t.json("addons")
        assert (loaded["name"], loaded["errors"]) == ("drop", 0)
        assert "ws_message" in loaded["hooks"]
        assert "ws_message" in (await t.ctl("addons")).out
        [option] = await t.json("options", "drop")
        assert (option["value"], option["own"], option["live"]) == (["~b noise"], True, True)
        assert (await t.ctl("set", "drop=~b signal", "drop=~b other")).code == 0
        for text in ("signal", "other", "noise"):
            await t.client.send(text)
        assert await t.server.recv() == "noise"


async def test_events_tell_what_happens_until_the_proxy_stops(tmp_path):
    async with talk(tmp_path) as t:
        watching = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wsproxy", "ctl", "events", "--json",
            env=environment(t.proxy.home), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert watching.stdout
        first = json.loads(await asyncio.wait_for(watching.stdout.readline(), 20))
        assert first["event"] == "subscribed"
        await t.ctl("hold", "add", "~b a")
        await t.client.send("a")
        await t.held()
        await t.ctl("edit", 1, "--text", "b")
        assert await t.server.recv() == "b"
        await t.client.send("a")
        await t.held()
        await t.ctl("drop", "all")
        await t.ctl("rule", "off", 1)
        await t.ctl("set", "hold_seconds=9")
        await t.client.close(4000, "enough")
        events = [first]
        while events[-1]["event"] != "close":
            events.append(json.loads(await asyncio.wait_for(watching.stdout.readline(), 20)))
        await t.proxy.stop()
        out, err = await asyncio.wait_for(watching.communicate(), 20)
        assert (watching.returncode, out, err) == (0, b"", b"The proxy has stopped.\n")
    del events[0]
    assert [event["event"] for event in events] == [
        "rule", "held", "edited", "released", "held", "dropped", "rule", "option", "close",
    ]  # fmt: skip
    assert {(e["connection"], e["direction"]) for e in events[1:6]} == {(1, "send")}
    assert (events[-1]["by"], events[-1]["code"], events[-1]["reason"]) == ("client", 4000, "enough")


async def test_what_goes_on_over_a_limit_is_an_event_with_its_reason(tmp_path):
    async with talk(tmp_path, "--set", "hold_limit=4k") as t:

        def watch() -> list[dict]:
            found = []
            for event in Client(t.run).events():
                found.append(event)
                if event["event"] == "released":
                    return found
                if event["event"] == "subscribed":
                    Client(t.run).add_rule("hold", "~b first")
                    loop.call_soon_threadsafe(lambda: asyncio.ensure_future(send()))
            return found

        async def send() -> None:
            await t.client.send("first")
            for _ in range(10):
                await t.client.send(os.urandom(1000))

        loop = asyncio.get_running_loop()
        found = await asyncio.wait_for(asyncio.to_thread(watch), 20)
        assert "more than 4,096 bytes were waiting" in found[-1]["note"]
        await t.proxy.wait_until_said("held messages were let go")
