"""
Measurements and what they come to: pure data, no clocks and no processes.
"""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from tests.bench.loads.base import Metrics

HIGHER_IS_BETTER = ("messages_per_second", "connections_per_second")
MEMORY = ("memory_mib", "growth_mib", "peak_growth_mib", "kib_per_socket_some", "kib_per_socket_many")

HOW = (
    "of the repeats, the lowest CPU and round-trip time, the highest rate and the median of memory: "
    "what else runs on a machine can only add to the first and take from the second"
)


@dataclass(frozen=True)
class Sample:
    """One measurement."""

    load: str
    scheme: str
    proxy: str
    repeat: int
    metrics: Metrics


class Results:
    """
    What all repeats of one run come to.

    Args:
        samples: the measurements.
        absent: why there are none, by the proxy's name.
    """

    def __init__(self, samples: Iterable[Sample], absent: dict[str, str] | None = None) -> None:
        self.absent = absent or {}
        found: dict[tuple[str, str, str], dict[str, list[float]]] = {}
        for sample in samples:
            values = found.setdefault((sample.load, sample.scheme, sample.proxy), {})
            for name, value in sample.metrics.items():
                values.setdefault(name, []).append(value)
        self._metrics: dict[tuple[str, str, str], Metrics] = {
            key: {name: _one(name, repeats) for name, repeats in values.items()}
            for key, values in found.items()
        }

    def proxies(self, load: str, scheme: str) -> list[str]:
        """Those measured, in the order of the measurements."""
        return [proxy for at, by, proxy in self._metrics if (at, by) == (load, scheme)]

    def loads(self) -> list[tuple[str, str]]:
        """Load and scheme of what was measured."""
        return list(dict.fromkeys((load, scheme) for load, scheme, _ in self._metrics))

    def metrics(self, load: str, scheme: str, proxy: str) -> Metrics:
        """All numbers; empty if it was not measured."""
        return self._metrics.get((load, scheme, proxy), {})

    def get(self, load: str, scheme: str, proxy: str, metric: str) -> float | None:
        """One number; None if it was not measured."""
        return self.metrics(load, scheme, proxy).get(metric)

    def as_json(self) -> list[dict[str, object]]:
        """One object for each load, scheme and proxy."""
        return [
            {"load": load, "scheme": scheme, "proxy": proxy, **metrics}
            for (load, scheme, proxy), metrics in self._metrics.items()
        ]


def _one(name: str, values: list[float]) -> float:
    if name in HIGHER_IS_BETTER:
        return max(values)
    return statistics.median(values) if name in MEMORY else min(values)
