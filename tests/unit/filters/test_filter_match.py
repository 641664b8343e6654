"""What each operator matches, in Python, on messages as the engine has them."""

import time

import pytest

from tests.support.captures import START
from tests.unit.filters.filter_tools import Meaning, connection, matches, message
from wsproxy.filters.parser import parse
from wsproxy.filters.subject import LOOKED_AT
from wsproxy.wire.frames import Anomaly


class TestConnection:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (r"~d ^example\.test$", True),
            # What the client calls it, as behind a reverse proxy.
            (r"~d ^front\.test$", True),
            ("~d 8443", False),
            ("~d chat", False),
            ("~u 'chat\\?x=1$'", True),
            ("~u EXAMPLE", True),
            ("~u '(?-i:EXAMPLE)'", False),
            ("~h '^cookie: session='", True),
            ("~h '^server: nginx$'", True),
            ("~h GET", False),
            ("~proto .", False),
            ("~conn 1", True),
            ("~conn 2-9", False),
            ("~conn 0-9", True),
        ],
    )
    def test_operators(self, text: str, expected: bool) -> None:
        assert matches(text) is expected

    @pytest.mark.parametrize(
        ("url", "host"),
        [
            ("ws://[::1]:8080/", r"^\[::1\]$"),
            ("ws://user@host.test:1/", "^host.test$"),
            ("ws://host.test", "^host.test$"),
            ("ws://[broken", r"^\[broken$"),
        ],
    )
    def test_hosts_are_found_in_any_url(self, url: str, host: str) -> None:
        assert matches(f"~d '{host}'", on=connection(url=url, request=b""))

    def test_a_url_without_a_host_has_none(self) -> None:
        assert not matches("~d .", on=connection(url="nonsense", request=b""))

    def test_the_subprotocol_is_the_one_that_was_chosen(self) -> None:
        assert matches("~proto ^mqtt$", on=connection(subprotocol="mqtt"))


class TestFrame:
    @pytest.mark.parametrize(
        ("text", "opcode", "expected"),
        [
            ("~text", 1, True),
            ("~text", 2, False),
            ("~binary", 2, True),
            ("~ping", 9, True),
            ("~pong", 10, True),
            ("~close", 8, True),
            ("~control", 8, True),
            ("~control", 0xF, True),
            ("~control", 7, False),
            ("~op 0x3", 3, True),
            ("~op 3", 3, True),
            ("~op 0xB", 11, True),
            ("~op continuation", 0, True),
            ("~op pong", 9, False),
            ("~all", 5, True),
        ],
    )
    def test_opcodes(self, text: str, opcode: int, expected: bool) -> None:
        assert matches(text, b"", opcode) is expected

    def test_directions(self) -> None:
        assert matches("~up", from_client=True)
        assert not matches("~up", from_client=False)
        assert matches("~down", from_client=False)
        assert not matches("~down", from_client=True)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("~size 5", True),
            ("~size =5", True),
            ("~size !=5", False),
            ("~size <5", False),
            ("~size <=5", True),
            ("~size > 4", True),
            ("~size >=1k", False),
            ("~size <1M", True),
            ("~size <1g", True),
        ],
    )
    def test_sizes(self, text: str, expected: bool) -> None:
        assert matches(text, b"hello") is expected

    def test_close_codes(self) -> None:
        assert matches("~code 1000", b"\x03\xe8bye", 8)
        assert matches("~code 1000-1001", b"\x03\xe9", 8)
        assert not matches("~code 1002-4999", b"\x03\xe9", 8)
        assert not matches("~code 0-99999", b"", 8)
        assert not matches("~code 0-99999", b"\x03", 8)
        assert not matches("~code 1000", b"\x03\xe8", 2)

    def test_anomalies(self) -> None:
        assert not matches("~anomaly")
        assert matches("~anomaly", anomalies=Anomaly.INVALID_UTF8)
        assert matches("~anomaly INVALID-utf8", anomalies=Anomaly.INVALID_UTF8 | Anomaly.INCOMPLETE)
        assert not matches("~anomaly incomplete", anomalies=Anomaly.INVALID_UTF8)

    def test_form(self) -> None:
        subject = message()
        assert not parse("~fragmented | ~compressed").match(subject)
        subject.fragmented = subject.compressed = True
        assert parse("~fragmented & ~compressed").match(subject)


class TestContent:
    @pytest.mark.parametrize(
        ("pattern", "content", "expected"),
        [
            ("hello", b"say Hello", True),
            ("'(?-i:hello)'", b"say Hello", False),
            ("a|b", b"xxBxx", True),
            ("a.b", b"a\nb", True),
            ("'^b'", b"a\nb", False),
            ("grüße", "GRÜẞE an alle Grüße".encode(), True),
            ("ПРИВЕТ", "привет".encode(), True),
            ("'^.$'", "é".encode(), True),
            (r"\xff\x00", b"\x01\xff\x00", True),
            ("é", "é".encode() + b"\xff", True),
            (r"\u20ac", "€".encode(), True),
            (r"\u20ac", "€".encode() + b"\xff", False),
            ("k", "\u212a".encode(), True),
            # A character cut by the end of a fragment.
            ("'^gr.$'", "grüß".encode()[:-1], True),
            (r"'\xc3$'", "grüß".encode()[:-1], True),
            ('""', b"", True),
            (r"example\.com.*x", b"http://EXAMPLE.com/x", True),
            (r"example\.com.*x", b"http://exampleXcom/x", False),
            ("ab*c", b"ac", True),
        ],
    )
    def test_regexes(self, pattern: str, content: bytes, expected: bool) -> None:
        assert matches(f"~b {pattern}", content) is expected

    def test_only_so_much_is_looked_at(self) -> None:
        assert matches("needle$", b" " * (LOOKED_AT - 6) + b"needle!")
        assert not matches("needle", b" " * LOOKED_AT + b"needle")
        assert not matches("~json a", b'{"a":"' + b"x" * LOOKED_AT + b'"}')

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a", True),
            ("$.a", True),
            ("$", True),
            ("nothing", False),
            ("none", True),
            ("none = null", True),
            ("a = 1", True),
            ("a=1", True),
            ("a == 1.0", True),
            ("a = 10e-1", True),
            ("a = '1'", False),
            ("a != 1", False),
            ("a != x", True),
            ("nothing != x", False),
            ("a < 2", True),
            ("a < b", False),
            ("a <= 1", True),
            ("a > 1", False),
            ("a >= 1", True),
            ("yes = true", True),
            ("yes = 1", False),
            ("yes >= false", False),
            ("name = Ada", True),
            ("name = ada", False),
            ('name = "Ada"', True),
            ("name > A", True),
            ("name ~ '^ad'", True),
            ("name ~ b", False),
            ("a ~ 1", False),
            ("a ~text", True),
            ("items[0].id = 1", True),
            ("items[-1].id = 3", True),
            ("items[7].id", False),
            ("items[*].id = 2", True),
            ("items.*.id = 2", True),
            ("*[1].id = 2", True),
            ("items[*].id > 3", False),
            ("items.id", False),
            ("big = 12345678901234567890123", True),
            ("big = 12345678901234567890124", False),
            ("price = 0.10", True),
            ("price < 0.1000000000000000001", True),
            ("'odd key' = 5", True),
            ("\"$['odd key']\" = 5", True),
            ("\"['a.b'].c\"", True),
            ("'[0]'", False),
        ],
    )
    def test_json(self, text: str, expected: bool | None) -> None:
        content = (
            b' {"a": 1, "none": null, "yes": true, "name": "Ada", "items": [{"id": 1}, {"id": 2}, {"id": 3}],'
            b' "big": 12345678901234567890123, "price": 0.1, "odd key": 5, "a.b": {"c": "\\u0041"}} '
        )
        if expected is None:
            return
        assert matches(f"~json {text}", content) is expected

    def test_json_with_escapes_is_the_same_json(self) -> None:
        assert matches("~json name = Ada", b'{"n\\u0061me": "\\u0041da"}')

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"a",
            b"{",
            b'{"a": NaN}',
            b'{"a": 1}\xff',
            b"[" * 100_000 + b'"a"',
            b'{"a":' * 100_000,
            '{"a": 1}'.encode("utf-16"),
        ],
    )
    def test_what_is_no_json_has_nothing_in_it(self, content: bytes) -> None:
        assert not matches("~json a", content)
        assert not matches("~json $", content)

    def test_numbers_of_any_size_are_exact(self) -> None:
        digits = b"9" * 5000
        assert matches(f"~json a = {'9' * 5000}", b'{"a": ' + digits + b"}")
        assert matches("~json a > 1e999999", b'{"a": 1e99999999999999999999}')
        assert matches("~json a < -1e999999", b'{"a": -1e99999999999999999999}')
        assert matches("~json a = 0", b'{"a": 1e-99999999999999999999}')


class TestDecisions:
    @pytest.mark.parametrize(
        ("text", "actions"), [("~edited", ["edit"]), ("~dropped", ["drop"]), ("~injected", ["inject"])]
    )
    def test_actions(self, text: str, actions: list[str]) -> None:
        assert matches(text, actions=actions)
        assert not matches(text, actions=["pass", "recode", "cut"])

    def test_holding(self) -> None:
        assert matches("~held", held=True)
        assert not matches("~held", actions=["edit"])


class TestDecoded:
    def test_operators(self) -> None:
        call = Meaning(id="42", replied=False)
        assert matches("~decoder SocketIO", decoded=call)
        assert not matches("~decoder socket", decoded=call)
        assert matches("~event '^chat.*ada'", decoded=call)
        assert not matches("~event bob", decoded=call)
        assert matches("~id 42", decoded=call)
        assert not matches("~id 4", decoded=call)
        assert matches("~noreply", decoded=call)
        assert not matches("~heartbeat", decoded=call)

    def test_what_is_no_call_waits_for_no_reply(self) -> None:
        assert not matches("~noreply", decoded=Meaning(replied=None))
        # Of several packets in one message, any.
        assert matches("~noreply", decoded=Meaning(parts=(Meaning(replied=True), Meaning(replied=False))))
        assert not matches("~noreply", decoded=Meaning(replied=True))

    def test_heartbeats(self) -> None:
        assert matches("~heartbeat", decoded=Meaning(heartbeat=True))

    def test_without_a_decoder_nothing_matches(self) -> None:
        for text in ("~decoder x", "~event .", "~id 1", "~noreply", "~heartbeat"):
            assert not matches(text)

    def test_a_message_is_decoded_once_and_only_when_asked(self) -> None:
        asked = []
        subject = message()
        subject.decode = lambda: asked.append(1) or Meaning()

        assert parse("~text").match(subject)
        assert not asked
        assert parse("~event ada & ~decoder socketio").match(subject)
        assert asked == [1]


class TestTime:
    """`START` is 2024-03-05 12:00:00 UTC."""

    @pytest.fixture(autouse=True)
    def zone(self, monkeypatch: pytest.MonkeyPatch):
        """Central Europe: an hour ahead in March, two in summer."""
        monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        from wsproxy.filters import times

        times._offset.cache_clear()
        yield
        monkeypatch.undo()
        time.tzset()
        times._offset.cache_clear()

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2024-03-05", True),
            ("2024-03-04", False),
            ("2024-03-05T13:00", True),
            ("2024-03-05T12:00", False),
            ("'2024-03-05 13:00:00'", True),
            ("2024-03-05T12:00Z", True),
            ("2024-03-05T14:00+02:00", True),
            ("2024-03-05T14:00+0200", True),
            ("2024-03-05T13:00:00.000", True),
            ("2024-03-05T13:00:00.001", False),
            ("2024-03-05T13:00:01..", False),
            ("2024-03-05T13:00..2024-03-05T13:00", True),
            ("..2024-03-05T12:59", False),
            ("..2024-03-05", True),
            ("2024-03-05..", True),
            ("2024-03-05Z", True),
            ("13:00", True),
            ("13:00:00", True),
            ("13:00:00.5", False),
            ("12:00", False),
            ("12:30..13:00", True),
            ("13:01..12:59", False),
            ("23:00..13:00", True),
            ("13:00..", True),
            ("..12:59:59", False),
            ("-5m", False),
        ],
    )
    def test_ranges(self, text: str, expected: bool) -> None:
        assert matches(f"~t {text}", time=START) is expected

    def test_a_day_lasts_as_long_as_it_does(self) -> None:
        hour = 3600 * 10**9
        # 2024-03-31 began at 23:00 UTC and had 23 hours.
        begin = 1_711_839_600 * 10**9
        wanted = parse("~t 2024-03-31")
        inside = [n for n in range(-2, 26) if wanted.match(message(time=begin + n * hour))]
        assert inside == list(range(23))

    def test_a_time_of_day_is_that_of_the_day(self) -> None:
        july = 1_720_000_000 * 10**9  # 2024-07-03 09:46:40 UTC
        assert matches("~t 11:46:40", time=july)

    def test_relative_times_count_from_now(self) -> None:
        now = time.time_ns()
        assert matches("~t -5m", time=now - 60 * 10**9)
        assert not matches("~t -5m", time=now - 600 * 10**9)
        assert matches("~t -1h..-5m", time=now - 600 * 10**9)
        assert not matches("~t ..-5m", time=now - 60 * 10**9)
        assert matches("~t -1d12h", time=now - 86_400 * 10**9)
