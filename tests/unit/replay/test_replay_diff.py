"""What is different between two captures."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.captures import MASK, capture
from tests.support.sessions import calls, received, session
from wsproxy.replay.diff import Diff, Difference, Outcome, Total
from wsproxy.replay.values import Rules
from wsproxy.store.reader import Reader
from wsproxy.store.records import ReplayRecord
from wsproxy.wire.encode import encode_close, encode_frame


def compared(left: Path, right: Path, **options: Any) -> tuple[list[tuple], Total]:
    """`(kind, direction, left text, right text, paths)` of each difference, and the total."""
    rules = Rules.of(**options.pop("rules", {}))
    found: list[tuple] = []
    with Reader(left) as a, Reader(right) as b:
        diff = Diff(a, b, rules, **options)
        for part in diff:
            if isinstance(part, Difference):
                texts = [side and side.message.content.decode() for side in (part.left, part.right)]
                way = ">" if part.from_client else "<"
                found.append((part.kind, way, *texts, [change.path for change in part.changes.told]))
            elif isinstance(part, Outcome) and part.facts:
                found.append(("facts", *((fact.path, fact.left, fact.right) for fact in part.facts)))
    return found, diff.total


@pytest.fixture
def both(tmp_path: Path):
    """Makes two captures and compares them: `both(left talks, right talks)`."""
    numbers = count()

    def run(left, right, *, opening: Any = None, other: Any = None, **options: Any):
        number = next(numbers)
        a = session(tmp_path / f"a{number}.wsp", *left, **(opening or {}))
        b = session(tmp_path / f"b{number}.wsp", *right, **(opening or {} if other is None else other))
        return compared(a, b, **options)

    return run


def test_what_a_server_says_to_a_client_that_has_closed_is_left_to_chance(tmp_path: Path) -> None:
    def recorded(name: str, late: int) -> Path:
        with capture(tmp_path / name) as c:
            number = c.open()
            c.receive(number, encode_frame(1, b"price"))
            c.send(number, encode_close(1000, mask=MASK))
            for _ in range(late):
                c.receive(number, encode_frame(1, b"price"))
            c.receive(number, encode_close(1000))
            c.close(number)
        return tmp_path / name

    with Reader(recorded("a.wsp", 2)) as left, Reader(recorded("b.wsp", 0)) as right:
        diff = Diff(left, right)
        assert not [part for part in diff if isinstance(part, Difference)]
        assert diff.total.is_same


def test_the_same_said_twice_is_the_same(both) -> None:
    talk = [(">", '{"a":1}'), ("<", '{"b":2}'), ("<", b"\x00\x01")]
    found, total = both([talk, talk], [talk, talk])
    assert found == []
    assert total.is_same
    assert (total.connections, total.messages.same) == (2, 6)


def test_compressed_and_plain_say_the_same_but_for_the_handshake(both) -> None:
    talk = received(*(f'{{"tick":{n}}}' for n in range(20)))
    found, _ = both([talk], [talk], opening={"extensions": "permessage-deflate"}, other={})
    assert [kind for kind, *_ in found] == ["facts"]
    assert found[0][1][:2] == ("extensions", "permessage-deflate")


def test_changed_missing_and_extra_messages_are_told(both) -> None:
    left = received('{"n":1}', '{"n":2,"x":"a"}', '{"n":3}')
    right = received('{"n":1}', '{"n":2,"x":"b"}', '{"n":3}', '{"n":4}')
    found, total = both([left], [right])
    assert found == [
        ("changed", "<", '{"n":2,"x":"a"}', '{"n":2,"x":"b"}', ["$.x"]),
        ("extra", "<", None, '{"n":4}', []),
    ]
    assert not total.is_same
    assert (total.messages.same, total.messages.changed, total.messages.extra) == (2, 1, 1)


def test_text_that_says_the_same_as_bytes_is_another_message(both) -> None:
    found, _ = both([received("abcd")], [received(b"abcd")])
    assert found == [("changed", "<", "abcd", "abcd", ["opcode"])] or [kind for kind, *_ in found] == [
        "changed"
    ]


def test_answers_are_compared_by_the_calls_they_answer(both) -> None:
    left = calls([(1, "one"), (2, "two"), (3, "three")], 3)
    right = calls([(3, "three"), (1, "one"), (2, "TWO")], 3)
    found, total = both([left], [right])
    assert [each[:2] for each in found] == [("changed", "<")]
    assert found[0][4] == ["$.result"]
    assert total.messages.same == 5


def test_answers_are_found_even_where_ids_differ(both) -> None:
    left = calls([(1, "one"), (2, "two")], 2)
    right = [(way, text.replace('"id":1', '"id":"x1"').replace('"id":2', '"id":"x2"')) for way, text in left]
    right[2:] = right[:1:-1]
    found, total = both([left], [right], rules={"ignored": ["id"]})
    assert found == []
    assert total.messages.same == 4


def test_in_any_order(both) -> None:
    left = received(*(f'{{"n":{n}}}' for n in range(50)))
    right = left[::-1]
    right[7] = ("<", '{"n":"other"}')
    found, total = both([left], [right], any_order=True)
    assert found == [("changed", "<", '{"n":42}', '{"n":"other"}', ["$.n"])]
    assert total.messages.same == 49
    _, total = both([left], [right])
    assert total.messages.different > 10


def test_in_any_order_within_a_tolerance(both) -> None:
    found, _ = both(
        [received('{"p":10.0}', '{"q":5}')],
        [received('{"q":5}', '{"p":10.4}')],
        any_order=True,
        rules={"within": "0.5"},
    )
    assert found == []


def test_one_direction_only(both) -> None:
    left, right = [(">", "a"), ("<", "b")], [(">", "x"), ("<", "b")]
    assert both([left], [right], only=False)[1].is_same
    assert not both([left], [right], only=True)[1].is_same


def test_heartbeats_do_not_count_unless_asked_for(both) -> None:
    url = {"urls": ["ws://example.test/socket.io/?EIO=4&transport=websocket"]}
    left = [("<", "2"), (">", "3"), ("<", '42["said","a"]'), ("<", "2"), (">", "3")]
    right = [("<", '42["said","a"]'), ("<", "2"), (">", "3")]
    found, total = both([left], [right], opening=url)
    assert found == []
    assert total.messages.idle > 0
    found, _ = both([left], [right], opening=url, heartbeats=True)
    assert {kind for kind, *_ in found} == {"missing"}


def test_socketio_is_compared_inside_its_packets(both) -> None:
    url = {"urls": ["ws://example.test/socket.io/?EIO=4&transport=websocket"]}
    left, right = received('42["said",{"text":"a","at":1}]'), received('42["said",{"at":2,"text":"b"}]')
    found, _ = both([left], [right], opening=url, rules={"ignored": ["..at"]})
    [(kind, _, _, _, [path])] = found
    assert kind == "changed"
    assert path.endswith(".text")


def test_connections_belong_together_by_path_query_and_order(both) -> None:
    left = [received("tea"), received("news"), received("coffee")]
    right = [received("news"), received("coffee"), received("tea")]
    urls = ["ws://one.test/chat?room=tea", "ws://one.test/news", "ws://one.test/chat?room=coffee"]
    others = ["wss://two.test/news", "wss://two.test/chat?room=coffee", "wss://two.test/chat?room=tea"]
    found, total = both(left, right, opening={"urls": urls}, other={"urls": others})
    assert found == []
    assert total.connections == 3


def test_a_query_with_an_id_of_its_own_does_not_keep_them_apart(both) -> None:
    found, total = both(
        [received("a")],
        [received("b")],
        opening={"urls": ["ws://x/s?sid=1"]},
        other={"urls": ["ws://x/s?sid=2"]},
    )
    assert (len(found), total.missing, total.extra) == (1, 0, 0)


def test_a_replay_knows_what_it_is_the_replay_of(tmp_path: Path) -> None:
    left = session(tmp_path / "a.wsp", received("a"), received("b"))
    with Reader(left) as reader:
        created = reader.info().created
    with capture(tmp_path / "b.wsp") as c:
        for original, text in ((2, b"b"), (1, b"a")):
            number = c.open("ws://elsewhere/other", replay_of=ReplayRecord(0, str(left), created, original))
            c.receive(number, encode_frame(1, text))
            c.receive(number, encode_close(1000))
            c.send(number, encode_close(1000, mask=MASK))
            c.close(number)
    found, total = compared(left, tmp_path / "b.wsp")
    assert found == []
    assert total.connections == 2


def test_connections_without_a_counterpart_are_told(both) -> None:
    _, total = both([received("a"), received("b")], [received("a")])
    assert (total.missing, total.extra, total.connections) == (1, 0, 1)
    assert not total.is_same


def test_how_connections_ended_and_what_was_agreed_count(both) -> None:
    found, total = both([received("a")], [received("a")], other={"close": 4001, "subprotocol": "chat.v2"})
    assert found == [
        ("facts", ("subprotocol", found[0][1][1], "chat.v2"), ("close code", 1000, 4001)),
    ]
    assert total.facts == 2
    assert both([received("a")], [received("a")], other={"close": 4001}, facts=False)[1].is_same


def test_refusals_are_compared_by_status_and_body(tmp_path: Path) -> None:
    for name, status, body in (("a", 403, b"no entry"), ("b", 403, b"go away"), ("c", 404, b"no entry")):
        with capture(tmp_path / f"{name}.wsp") as c:
            c.open(status=status, body=body)
    found, _ = compared(tmp_path / "a.wsp", tmp_path / "b.wsp")
    assert found == [("facts", ("body", "no entry", "go away"))]
    found, _ = compared(tmp_path / "a.wsp", tmp_path / "c.wsp")
    assert found == [("facts", ("status", 403, 404))]


def test_messages_of_connections_that_overlap_are_told_apart(tmp_path: Path) -> None:
    for name, order in (("a", "xyxyxy"), ("b", "xxxyyy")):
        with capture(tmp_path / f"{name}.wsp") as c:
            numbers = {way: c.open(f"ws://example.test/{way}") for way in "xy"}
            for n, way in enumerate(order):
                c.receive(numbers[way], encode_frame(1, f"{way}{order[:n].count(way)}".encode()))
            for number in numbers.values():
                c.receive(number, encode_close(1000))
                c.send(number, encode_close(1000, mask=MASK))
                c.close(number)
    found, total = compared(tmp_path / "a.wsp", tmp_path / "b.wsp")
    assert found == []
    assert total.messages.same == 6


def test_progress_is_told_and_ends(both) -> None:
    steps: list[tuple[int, int]] = []
    talk = received(*map(str, range(600)))
    both([talk], [talk], progress=lambda done, whole: steps.append((done, whole)))
    assert len(steps) > 2
    assert steps[-1] == (1, 1)
    assert all(done < whole for done, whole in steps[:-1])
