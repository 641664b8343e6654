"""
The benchmark's arithmetic: what repeats come to, ratios, targets, tables; and the peers' counting.
"""

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import report, targets
from tests.bench.loads.all import LOADS
from tests.bench.loads.base import Reading
from tests.bench.peers.frames import CommandReader, FrameCounter, large, plain, records
from tests.bench.results import Results, Sample
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Frame, Opcode

CPU = "cpu_us_per_message"


def results(load: str = "pingpong-1", scheme: str = "ws", metric: str = CPU, **values: float) -> Results:
    """One number for each proxy; `_` stands for `-` in names."""
    return Results(
        Sample(load, scheme, proxy.replace("_", "-"), 0, {metric: value}) for proxy, value in values.items()
    )


def verdict(found: Results, text: str) -> targets.Verdict:
    [one] = [v for v in targets.judge(found) if v.text == text]
    return one


class TestResults:
    def test_of_the_repeats_the_lowest_cpu_the_highest_rate_and_the_median_memory_count(self):
        numbers = [(12.0, 90.0, 60.0), (10.0, 95.0, 50.0), (14.0, 80.0, 70.0)]
        found = Results(
            Sample(
                "stream", "ws", "wsproxy", n, {CPU: cpu, "messages_per_second": rate, "memory_mib": memory}
            )
            for n, (cpu, rate, memory) in enumerate(numbers)
        )
        assert found.metrics("stream", "ws", "wsproxy") == {
            CPU: 10.0,
            "messages_per_second": 95.0,
            "memory_mib": 60.0,
        }

    def test_what_was_not_measured_has_no_number(self):
        found = results(wsproxy=10)
        assert found.get("pingpong-1", "wss", "wsproxy", CPU) is None
        assert found.proxies("pingpong-1", "ws") == ["wsproxy"]


class TestTargets:
    def test_a_twelfth_of_mitmdump_is_just_enough(self):
        text = "CPU: at most 1/12 of mitmdump"
        assert verdict(results(wsproxy=10, mitmdump=120), text).met is True
        assert verdict(results(wsproxy=10.1, mitmdump=120), text).met is False

    def test_below_the_best_peer_means_below_the_better_of_them(self):
        text = "CPU: below the best peer"
        assert verdict(results(wsproxy=14, mockttp=15, http_mitm_proxy=20), text).met is True
        assert verdict(results(wsproxy=15, mockttp=15, http_mitm_proxy=20), text).met is False

    def test_one_peer_is_enough_to_compare_with_and_none_is_not(self):
        text = "CPU: below the best peer"
        assert verdict(results(wsproxy=14, mockttp=15), text).value == pytest.approx(14 / 15)
        missing = verdict(results(wsproxy=14), text)
        assert (missing.met, missing.outcome) == (None, "n/a")

    def test_the_added_round_trip_leaves_out_what_the_way_takes_anyway(self):
        found = results(metric="rtt_p50_us", direct=20, wsproxy=60, mitmdump=420)
        one = verdict(found, "added round trip, p50: at most 1/5 of mitmdump")
        assert one.value == pytest.approx(1 / 10)

    def test_large_messages_without_payloads_are_judged_by_the_lean_proxy(self):
        found = results(load="binary", wsproxy=60, wsproxy_1k=20, mitmdump=100)
        assert verdict(found, "CPU: at most 1/2 of mitmdump").met is False
        assert verdict(found, "CPU, payloads not kept: at most 1/4 of mitmdump").met is True

    def test_memory_growth_is_judged_in_mib(self):
        found = Results([Sample("million", "ws", "wsproxy", 0, {"growth_mib": 3.0, "peak_growth_mib": 12.0})])
        assert verdict(found, "memory growth afterwards, MiB: at most 10").met is True
        assert verdict(found, "memory growth at its peak, MiB: at most 10").met is False

    def test_the_advantage_over_rest_must_not_shrink_from_a_hundred_pairs_on(self):
        found = Results(
            [
                Sample("rest", "ws", "direct", 0, {"factor_10": 9.0, "factor_100": 2.0, "factor_500": 3.0}),
                Sample("rest", "ws", "wsproxy", 0, {"factor_10": 1.0, "factor_100": 8.0, "factor_500": 2.0}),
            ]
        )
        assert [v.met for v in targets.judge(found)] == [True, False]

    def test_only_what_was_run_is_judged(self):
        assert {v.load for v in targets.judge(results(load="stream", wsproxy=1))} == {"stream"}

    def test_a_stretch_target_is_not_counted_as_missed(self):
        verdicts = targets.judge(results(wsproxy=12, haproxy=10))
        assert [v.met for v in verdicts if v.stretch] == [False]
        assert report.summary(verdicts) == "1 targets met, 0 not met, 3 not measured"


class TestReport:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (1 / 12, "1/12"),
            (0.012345, "1/81"),
            (1.0, "1.00x"),
            (1.254, "1.25x"),
            (0.75, "0.75x"),
            (None, "-"),
        ],
    )
    def test_ratios_read_as_fractions_or_factors(self, value: float | None, text: str):
        assert report.ratio(value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [(155_000.4, "155,000"), (12.34, "12.3"), (1.234, "1.23"), (0.0667, "0.067"), (None, "-")],
    )
    def test_numbers_have_three_digits_that_count(self, value: float | None, text: str):
        assert report.number(value) == text

    def test_a_table_compares_every_proxy_with_mitmdump_and_with_the_blind_relay(self):
        found = results(haproxy=10, wsproxy=12, mitmdump=240)
        assert report.load_table(found, "pingpong-1", "ws").splitlines() == [
            "Ping-pong of 64-byte messages, 1 socket, ws",
            "          CPU us/message  to mitmdump  to haproxy  rtt p50 us  p99 us  messages/s  memory MiB",
            "haproxy             10.0         1/24       1.00x           -       -           -           -",
            "wsproxy             12.0         1/20       1.20x           -       -           -           -",
            "mitmdump             240        1.00x      24.00x           -       -           -           -",
        ]

    def test_the_comparison_with_rest_has_a_line_for_each_count(self):
        numbers = {"rest_ms_10": 5.0, "websocket_ms_10": 2.0, "factor_10": 2.5}
        found = Results([Sample("rest", "ws", "direct", 0, numbers)])
        assert report.load_table(found, "rest", "ws").splitlines()[1:] == [
            "pairs  direct: REST ms  WebSocket ms  factor",
            "10                5.00          2.00    2.50",
        ]

    def test_every_target_has_a_line(self):
        verdicts = targets.judge(results(wsproxy=10, mitmdump=240, haproxy=8))
        lines = report.targets_table(verdicts).splitlines()
        assert len(lines) == 1 + len(verdicts)
        assert " ".join(lines[1].split()) == "met pingpong-1 ws 1/24 1/12 CPU: at most 1/12 of mitmdump"


class TestLoads:
    def test_cpu_is_what_was_used_between_ready_and_done_for_each_message(self):
        readings = {"ready": Reading(1.0, 0), "done": Reading(1.5, 2**20)}
        found = LOADS["stream"].metrics(readings, {"messages": 50_000, "seconds": 2.0})
        assert found == {"messages_per_second": 25_000, CPU: pytest.approx(10), "memory_mib": 1.0}

    def test_without_a_proxy_there_is_no_cpu(self):
        assert CPU not in LOADS["pingpong-1"].metrics({}, {"messages": 10, "seconds": 1.0})

    def test_growth_is_scaled_to_a_million(self):
        readings = {"ready": Reading(0, 0), "done": Reading(1, 2**20), "peak": Reading(0, 2**21)}
        found = LOADS["million"].metrics(readings, {"messages": 100_000, "seconds": 1.0})
        assert (found["growth_mib"], found["peak_growth_mib"]) == (10.0, 20.0)

    def test_memory_of_idle_sockets_is_shared_out_among_them(self):
        mib = 2**20
        readings = {"ready": Reading(0, mib), "some": Reading(1, 11 * mib), "many": Reading(2, 51 * mib)}
        readings["done"] = Reading(2.03, 51 * mib)
        found = LOADS["idle"].metrics(readings, {"some": 1024, "many": 5120, "waited": 3.0})
        assert (found["kib_per_socket_some"], found["kib_per_socket_many"]) == (10.0, 10.0)
        assert found["idle_cpu_percent"] == pytest.approx(1.0)

    def test_the_load_names_are_those_the_targets_speak_of(self):
        assert {load for ratio in targets._RATIOS for load in ratio.loads} <= set(LOADS)


class TestPeers:
    @given(st.lists(st.integers(0, 2000), max_size=8))
    def test_messages_are_counted_however_the_stream_is_cut(self, cuts: list[int]):
        stream = plain(64, True, 5).data + records(False, 5, True).data + encode_frame(Opcode.PING, b"x")
        stream += encode_frame(Opcode.TEXT, b"a" * 300, fin=False) + encode_frame(Opcode.CONTINUATION, b"b")
        stream += encode_close(1000)
        edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
        counter = FrameCounter()
        found = sum(counter.feed(stream[a:b]) for a, b in pairwise(edges))
        assert found == 11
        assert counter.closing

    def test_a_block_can_be_cut_between_messages(self):
        block = plain(64, True, 5)
        assert FrameCounter().feed(block.first(3)) == 3
        assert block.first(99) == block.data

    def test_compressed_blocks_inflate_to_the_records_even_when_repeated(self):
        clear = [frame.data for frame in Frame.parse(records(False, 8, False).data)]
        inflater = zlib.decompressobj(wbits=-15)
        frames = Frame.parse(records(False, 8, True).data * 2)
        assert [inflater.decompress(f.data + b"\x00\x00\xff\xff") for f in frames] == clear * 2
        assert {len(content) for content in clear} == {128}

    def test_large_messages_are_a_mebibyte_and_the_compressed_ones_much_smaller(self):
        [noise] = Frame.parse(large(True, False).data)
        [squeezed] = Frame.parse(large(True, True).data)
        assert len(noise.data) == 2**20
        assert len(zlib.decompress(squeezed.data + b"\x00\x00\xff\xff\x03\x00", wbits=-15)) == 2**20
        assert len(squeezed.data) < 2**19

    def test_commands_are_read_compressed_or_not(self):
        reader = CommandReader()
        compressor = zlib.compressobj(wbits=-15)
        squeezed = (compressor.compress(b"push 5") + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        first = encode_frame(Opcode.TEXT, b"expect 7", mask=b"abcd")
        assert reader.feed(first[:4]) == []
        assert reader.feed(first[4:] + encode_frame(Opcode.TEXT, squeezed, rsv=4)) == ["expect 7", "push 5"]
