"""
Results as tables, targets as lines: text for people.
"""

from collections.abc import Sequence

from tests.bench.loads.all import LOADS
from tests.bench.results import Results
from tests.bench.targets import BLIND, STOCK, Verdict

_HEADS = {
    "cpu_us_per_message": "CPU us/message",
    "cpu_ms_per_connection": "CPU ms/connection",
    "messages_per_second": "messages/s",
    "connections_per_second": "connections/s",
    "rtt_p50_us": "rtt p50 us",
    "rtt_p99_us": "p99 us",
    "memory_mib": "memory MiB",
    "growth_mib": "growth MiB",
    "peak_growth_mib": "peak growth MiB",
    "kib_per_socket_some": "KiB/socket (fewer)",
    "kib_per_socket_many": "KiB/socket",
    "idle_cpu_percent": "idle CPU %",
}

_NONE = "-"


def number(value: float | None) -> str:
    """Three significant digits, and thousands marked."""
    if value is None:
        return _NONE
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"


def ratio(value: float | None) -> str:
    """How a number compares with another: `1/12.3` or `1.25x`."""
    if value is None:
        return _NONE
    if 0 < value < 0.5:
        return f"1/{1 / value:.3g}"
    return f"{value:.2f}x"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def load_table(results: Results, name: str, scheme: str) -> str:
    """One load: a line for each proxy, with ratios of the main figure to mitmdump's and haproxy's."""
    load = LOADS[name]
    if name == "rest":
        return _rest_table(results, scheme)
    heads = [_HEADS.get(metric, metric) for metric in load.shown]
    rows = [["", heads[0], f"to {STOCK}", f"to {BLIND}", *heads[1:]]]
    for proxy in results.proxies(name, scheme):
        metrics = results.metrics(name, scheme, proxy)
        main = metrics.get(load.main)
        compared = [_over(main, results.get(name, scheme, other, load.main)) for other in (STOCK, BLIND)]
        label = proxy + (" (client's side not compressed)" if metrics.get("deflated") == 0.0 else "")
        if "deflate" not in name:
            label = proxy
        values = [number(metrics.get(metric)) for metric in load.shown]
        rows.append([label, values[0], *compared, *values[1:]])
    return f"{load.title}, {scheme}\n{table(rows)}"


def targets_table(verdicts: Sequence[Verdict]) -> str:
    """A line for each target."""
    rows = [["", "load", "scheme", "reached", "limit", "target"]]
    for verdict in verdicts:
        is_ratio = "MiB" not in verdict.text
        value, limit = (ratio if is_ratio else number)(verdict.value), verdict.limit
        text = verdict.text + (" (stretch)" if verdict.stretch else "")
        shown_limit = ratio(limit) if is_ratio else number(limit)
        rows.append([verdict.outcome, verdict.load, verdict.scheme, value, shown_limit, text])
    # The sentences to the left, like the first column.
    width = max(len(row[-1]) for row in rows)
    return table([[*row[:-1], row[-1].ljust(width)] for row in rows])


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many."""
    firm = [verdict for verdict in verdicts if not verdict.stretch]
    met = sum(verdict.met is True for verdict in firm)
    missed = sum(verdict.met is False for verdict in firm)
    return f"{met} targets met, {missed} not met, {len(firm) - met - missed} not measured"


def _over(value: float | None, other: float | None) -> str:
    if value is None or not other or other <= 0 or value <= 0:
        return _NONE
    return ratio(value / other)


def _rest_table(results: Results, scheme: str) -> str:
    proxies = results.proxies("rest", scheme)
    rows = [["pairs"]]
    for proxy in proxies:
        rows[0] += [f"{proxy}: REST ms", "WebSocket ms", "factor"]
    counts = [
        int(name.rpartition("_")[2])
        for name in results.metrics("rest", scheme, proxies[0])
        if name.startswith("factor_")
    ]
    for count in counts:
        row = [f"{count:,}"]
        for proxy in proxies:
            metrics = results.metrics("rest", scheme, proxy)
            row += [number(metrics.get(f"{kind}_ms_{count}")) for kind in ("rest", "websocket")]
            row.append(number(metrics.get(f"factor_{count}")))
        rows.append(row)
    return f"{LOADS['rest'].title}, {'https and wss' if scheme == 'wss' else 'http and ws'}\n{table(rows)}"
