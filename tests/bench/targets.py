"""
What wsproxy promises beside the others, each promise as a ratio that one run can judge.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.bench.results import Results

US = "wsproxy"
LEAN = "wsproxy-1k"
OFF = "wsproxy-off"
STOCK = "mitmdump"
BLIND = "haproxy"
PEERS = ("mockttp", "http-mitm-proxy")
"""Other proxies that read messages."""

PER_MESSAGE = "cpu_us_per_message"


@dataclass(frozen=True)
class Verdict:
    """One target, judged."""

    load: str
    scheme: str
    text: str
    value: float | None
    """What was reached, in the unit of the limit; None if it was not measured."""
    limit: float
    below: bool = False
    """The limit itself is already too much."""
    stretch: bool = False
    """To be striven for; nobody is told that it is reached."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None if it could not be judged."""
        if self.value is None:
            return None
        return self.value < self.limit if self.below else self.value <= self.limit

    @property
    def outcome(self) -> str:
        """In words."""
        return {True: "met", False: "NOT MET", None: "n/a"}[self.met]


Reference = Callable[[Results, str, str, str], float | None]


def _of(proxy: str) -> Reference:
    return lambda results, load, scheme, metric: results.get(load, scheme, proxy, metric)


def _best_peer(results: Results, load: str, scheme: str, metric: str) -> float | None:
    values = [results.get(load, scheme, peer, metric) for peer in PEERS]
    return min((value for value in values if value is not None), default=None)


@dataclass(frozen=True)
class _Ratio:
    """Our number over somebody else's."""

    loads: tuple[str, ...]
    text: str
    reference: Reference
    limit: float
    metric: str = PER_MESSAGE
    schemes: tuple[str, ...] = ("ws", "wss")
    below: bool = False
    stretch: bool = False
    ours: str = US
    less_direct: bool = False
    """Compare what a proxy adds to the way without one."""

    def judge(self, results: Results) -> Iterator[Verdict]:
        measured = set(results.loads())
        for load in self.loads:
            for scheme in self.schemes:
                if (load, scheme) in measured:
                    value = self._ratio(results, load, scheme)
                    yield Verdict(load, scheme, self.text, value, self.limit, self.below, self.stretch)

    def _ratio(self, results: Results, load: str, scheme: str) -> float | None:
        ours = results.get(load, scheme, self.ours, self.metric)
        theirs = self.reference(results, load, scheme, self.metric)
        if ours is None or theirs is None:
            return None
        if self.less_direct:
            direct = results.get(load, scheme, "direct", self.metric)
            if direct is None:
                return None
            ours, theirs = ours - direct, theirs - direct
        return ours / theirs if theirs > 0 else None


_STREAMS = ("stream", "push")
_BOTH = ("ws", "wss")

_RATIOS = (
    _Ratio(("pingpong-1", "pingpong-64"), "CPU: at most 1/12 of mitmdump", _of(STOCK), 1 / 12),
    _Ratio(
        ("pingpong-1",), "added round trip, p50: at most 1/5 of mitmdump", _of(STOCK), 1 / 5,
        metric="rtt_p50_us", less_direct=True,
    ),
    _Ratio(("pingpong-1",), "CPU: below the best peer", _best_peer, 1, below=True),
    _Ratio(("pingpong-1",), "CPU: at most 1.5x the blind relay", _of(BLIND), 1.5),
    _Ratio(("pingpong-1",), "CPU: at most 1.1x the blind relay", _of(BLIND), 1.1, stretch=True),
    _Ratio(("pingpong-64",), "CPU: at most 1.2x the best peer", _best_peer, 1.2),
    _Ratio(_STREAMS, "CPU: at most 1/100 of mitmdump", _of(STOCK), 1 / 100),
    _Ratio(_STREAMS, "CPU: below the best peer", _best_peer, 1, schemes=("ws",), below=True),
    _Ratio(_STREAMS, "CPU: at most 1.2x the best peer", _best_peer, 1.2, schemes=("wss",)),
    _Ratio(
        _STREAMS, "CPU, not recorded: at most 1/2 of the best peer", _best_peer, 1 / 2,
        schemes=("wss",), ours=OFF,
    ),
    _Ratio(("push-deflate",), "CPU: at most 1/50 of mitmdump", _of(STOCK), 1 / 50),
    _Ratio(("push-deflate",), "CPU: below 1/10 of the best peer", _best_peer, 1 / 10, below=True),
    _Ratio(("binary",), "CPU: at most 1/2 of mitmdump", _of(STOCK), 1 / 2),
    _Ratio(("binary",), "CPU, payloads not kept: at most 1/4 of mitmdump", _of(STOCK), 1 / 4, ours=LEAN),
    _Ratio(("binary",), "CPU: below the best peer", _best_peer, 1, below=True),
    *(
        _Ratio(
            ("rewrite", "rewrite-deflate"), f"CPU, {what}: at most 1/5 of it in mitmdump",
            _of("mitmdump-script"), 1 / 5, ours=ours,
        )
        for ours, what in (("wsproxy-script", "the same script"), ("wsproxy-addon", "an addon that does it"))
    ),
    _Ratio(
        ("idle",), "memory per socket (the larger number): at most mitmdump's", _of(STOCK), 1,
        metric="kib_per_socket_many",
    ),
    _Ratio(
        ("idle",), "memory per socket (the larger number): at most mockttp's", _of("mockttp"), 1,
        metric="kib_per_socket_many", stretch=True,
    ),
    _Ratio(
        ("connections",), "CPU per connection: at most 1/2 of mitmdump", _of(STOCK), 1 / 2,
        metric="cpu_ms_per_connection",
    ),
    _Ratio(
        ("connections",), "CPU per connection: at most mockttp's", _of("mockttp"), 1,
        metric="cpu_ms_per_connection", stretch=True,
    ),
)  # fmt: skip

GROWTH_MIB = 10.0


def judge(results: Results) -> list[Verdict]:
    """All targets that this run has measured anything for."""
    verdicts = [verdict for ratio in _RATIOS for verdict in ratio.judge(results)]
    for load, scheme in results.loads():
        if load == "million":
            for metric, what in (("growth_mib", "afterwards"), ("peak_growth_mib", "at its peak")):
                value = results.get(load, scheme, US, metric)
                text = f"memory growth {what}, MiB: at most {GROWTH_MIB:.0f}"
                verdicts.append(Verdict(load, scheme, text, value, GROWTH_MIB))
        elif load == "rest":
            verdicts.extend(_advantage(results, scheme))
    return verdicts


def _advantage(results: Results, scheme: str) -> Iterator[Verdict]:
    """From 100 pairs on: below, both ways are mostly the making of a connection."""
    direct = results.metrics("rest", scheme, "direct")
    for name, factor in direct.items():
        kind, _, count = name.rpartition("_")
        if kind != "factor" or int(count) < 100:
            continue
        ours = results.get("rest", scheme, US, name)
        text = f"{int(count):,} pairs: WebSockets' factor over REST without a proxy, to that through it"
        yield Verdict("rest", scheme, text, factor / ours if ours else None, 1.0)
