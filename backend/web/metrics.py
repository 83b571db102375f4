"""Counters and histograms in Prometheus' text format (version 0.0.4).

The library prometheus_client takes 50 ms and 2 MB at every start; what we need of the format is this module.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

# Seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
# Of one metric: names that come from outside must not fill the memory.
MAX_SERIES = 1000
ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})

Labels = tuple[tuple[str, str], ...]


@dataclass(kw_only=True)
class _Histogram:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class Metrics:
    """What features have counted since the start of the control plane."""

    def __init__(self) -> None:
        self._help: dict[str, str] = {}
        self._counters: dict[str, dict[Labels, float]] = {}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {}

    def count(self, name: str, text: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter. `text` explains it."""
        self._help[name] = text
        series = self._counters.setdefault(name, {})
        key = tuple(labels.items())
        if key in series or len(series) < MAX_SERIES:
            series[key] = series.get(key, 0) + amount

    def observe(self, name: str, text: str, seconds: float, /, **labels: str) -> None:
        """Add a duration to a histogram."""
        self._help[name] = text
        series = self._histograms.setdefault(name, {})
        key = tuple(labels.items())
        if key in series or len(series) < MAX_SERIES:
            series.setdefault(key, _Histogram()).add(seconds)

    def render(self) -> Iterator[str]:
        """Yield lines."""
        for name, counters in self._counters.items():
            yield from family(name, "counter", self._help[name], counters.items())
        for name, histograms in self._histograms.items():
            yield from _head(name, "histogram", self._help[name])
            for labels, histogram in histograms.items():
                yield from _histogram_lines(name, labels, histogram)


def family(
    name: str, kind: Literal["counter", "gauge"], text: str, series: Iterable[tuple[Labels, float]]
) -> Iterator[str]:
    """Yield the lines of one metric."""
    yield from _head(name, kind, text)
    for labels, value in series:
        yield f"{name}{_labels(labels)} {value:.15g}"


def labelled(values: Mapping[str, float], label: str) -> Iterator[tuple[Labels, float]]:
    """Yield a series for each entry of `values`."""
    return ((((label, key),), value) for key, value in values.items())


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _histogram_lines(name: str, labels: Labels, histogram: _Histogram) -> Iterator[str]:
    count = 0
    for limit, added in zip((*map(str, BUCKETS), "+Inf"), histogram.buckets, strict=True):
        count += added
        yield f"{name}_bucket{_labels((*labels, ('le', limit)))} {count}"
    yield f"{name}_sum{_labels(labels)} {histogram.total:.9g}"
    yield f"{name}_count{_labels(labels)} {count}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels) + "}"
