"""What `info` remarks about connections that keep to the protocol."""

import json
import zlib

import pytest

from tests.support.captures import MASK, STEP, capture
from wsproxy.cli import conformance
from wsproxy.store.reader import Reader
from wsproxy.wire.encode import encode_close, encode_frame

DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
SECOND = 1_000_000_000


@pytest.fixture
def remarks(tmp_path):
    """What is remarked after `talk` on one connection, which is open for long enough."""

    def of(talk, **opening):
        path = tmp_path / "a.wsp"
        with capture(path) as c:
            number = c.open(**opening)
            talk(c, number)
            c.now += 60 * SECOND
            c.close(number)
        with Reader(path) as reader:
            return conformance.remarks(reader).get(1, [])

    return of


def ping(c, number, payload=b"", from_client=True, pong=False):
    frame = encode_frame(10 if pong else 9, payload, mask=MASK if from_client else b"")
    (c.send if from_client else c.receive)(number, frame)


class TestPings:
    def test_that_nobody_answers_are_counted_for_each_side(self, remarks):
        def talk(c, number):
            ping(c, number, b"a")
            ping(c, number, b"b")
            ping(c, number, b"c", from_client=False)

        assert remarks(talk) == [
            "→ 2 pings not answered by the server within 10.0 s (RFC 6455 5.5.2)",
            "← 1 ping not answered by the client within 10.0 s (RFC 6455 5.5.2)",
        ]

    def test_are_answered_by_the_pong_that_repeats_them_or_a_later_one(self, remarks):
        def talk(c, number):
            for payload in (b"a", b"b", b"c"):
                ping(c, number, payload)
            ping(c, number, b"b", from_client=False, pong=True)

        assert [line[:8] for line in remarks(talk)] == ["→ 1 ping"]

    def test_a_pong_that_answers_nothing_is_no_answer(self, remarks):
        def talk(c, number):
            ping(c, number, b"a")
            ping(c, number, b"other", from_client=False, pong=True)

        assert len(remarks(talk)) == 1

    def test_are_not_missed_where_something_was_not_recorded(self, remarks):
        def talk(c, number):
            ping(c, number, b"a")
            c.omit()
            ping(c, number, b"a", from_client=False, pong=True)
            c.resume()

        assert remarks(talk) == []

    def test_shortly_before_the_end_need_no_answer(self, remarks):
        def talk(c, number):
            ping(c, number, b"a")
            c.now += 2 * SECOND
            c.send(number, encode_close(1000, mask=MASK))

        assert remarks(talk) == []


class TestCompression:
    def message(self, content, level=9):
        deflate = zlib.compressobj(level, wbits=-15)
        packed = (deflate.compress(content) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
        return encode_frame(1, packed, rsv=4, mask=MASK)

    def test_that_makes_messages_larger_is_remarked(self, remarks):
        def talk(c, number):
            for _ in range(3):
                c.send(number, self.message(b"ab"))

        assert remarks(talk, extensions=DEFLATE) == ["→ compression makes 3 messages larger: 12 B of 6 B"]

    def test_that_pays_is_not(self, remarks):
        def talk(c, number):
            c.send(number, self.message(b"ab"))
            c.send(number, self.message(b"ab" * 100))

        assert remarks(talk, extensions=DEFLATE) == []


class TestLargeMessages:
    def test_in_one_frame_in_several_and_compressed_are_counted_once_each(self, remarks):
        large = bytes(conformance.LARGE + 1)

        def talk(c, number):
            c.receive(number, encode_frame(2, large))
            c.receive(number, encode_frame(2, large[: 1 << 19], fin=False))
            c.receive(number, encode_frame(0, large[: 1 << 20]))
            c.receive(number, encode_frame(2, large[:-1]))

        assert remarks(talk) == [
            "← 2 messages over 1.0 MiB, the largest 1.5 MiB: more than some peers accept (1009)"
        ]


class TestOrigin:
    def of(self, tmp_path, origin, status=101):
        path = tmp_path / "a.wsp"
        with capture(path) as c:
            number = c.open("wss://example.test/chat", status=status)
            c.close(number)
        with Reader(path) as reader:
            [record] = reader.connections()
            request = record.request.replace(b"\r\n\r\n", f"\r\n{origin}\r\n\r\n".encode())
        import sqlite3

        with sqlite3.connect(path) as db:
            db.execute("UPDATE connection SET request = ?", (request,))
        db.close()
        with Reader(path) as reader:
            return conformance.remarks(reader).get(1, [])

    def test_another_one_that_was_let_in_is_remarked(self, tmp_path):
        [remark] = self.of(tmp_path, "Origin: https://evil.test")
        assert remark.startswith("the server accepted a page of another origin, https://evil.test: make sure")

    @pytest.mark.parametrize("origin", ["Origin: https://example.test", "Origin: http://[", "X: y"])
    def test_the_same_one_and_none_are_not(self, tmp_path, origin):
        assert self.of(tmp_path, origin) == []

    def test_a_refused_one_is_not(self, tmp_path):
        assert self.of(tmp_path, "Origin: https://evil.test", 403) == []


def test_info_shows_them(wsproxy, tmp_path):
    path = tmp_path / "a.wsp"
    with capture(path) as c:
        number = c.open()
        ping(c, number, b"\x1b[31m")
        c.now += 20 * SECOND + STEP
        c.close(number)
    assert "   ! → 1 ping not answered by the server" in wsproxy("info", path).stdout
    [connection] = json.loads(wsproxy("info", path, "--json").stdout)["connections"]
    assert connection["remarks"][0].startswith("→ 1 ping not answered")
