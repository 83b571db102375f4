"""Turn samples of the machine into charts. A figure that the machine does not report has no chart."""

from collections.abc import Callable, Iterator, Sequence

from backend.core.formatting import format_bytes
from backend.overview.models import Chart
from backend.system.models import SystemView
from backend.system.sampler import Sample

HOTTEST = 100
# Network traffic has no upper limit: the chart is as high as its highest value, and at least this.
QUIET_NETWORK = 1e6

Figure = Callable[[Sample], float | None]


def charts_of(samples: Sequence[Sample], system: SystemView) -> list[Chart]:
    return list(_charts(samples, system)) if samples else []


def _charts(samples: Sequence[Sample], system: SystemView) -> Iterator[Chart]:
    def chart(label: str, figure: Figure, text: Callable[[float], str], maximum: float) -> Iterator[Chart]:
        values = [figure(sample) for sample in samples]
        if values[-1] is not None:
            yield Chart(label=label, now=text(values[-1]), values=values, maximum=maximum)

    fastest = max(QUIET_NETWORK, *(sample.network for sample in samples))
    strongest = max((sample.power or 0 for sample in samples), default=0) or 1
    yield from chart("GPU use", lambda sample: sample.gpu_use, _percent, 100)
    yield from chart("GPU memory", lambda sample: sample.gpu_memory, _percent, 100)
    yield from chart("GPU temperature", lambda sample: sample.temperature, _degrees, HOTTEST)
    yield from chart("GPU power", lambda sample: sample.power, _watts, strongest)
    yield from chart("CPU", lambda sample: sample.cpu, _percent, 100)
    yield from chart("Memory", lambda sample: sample.memory, format_bytes, system.memory.total)
    yield from chart("Network", lambda sample: sample.network, _rate, fastest)
    yield from chart("Disk", lambda sample: sample.disk, format_bytes, system.disk.used + system.disk.free)


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _degrees(value: float) -> str:
    return f"{value:.0f} °C"


def _watts(value: float) -> str:
    return f"{value:.0f} W"


def _rate(value: float) -> str:
    return f"{format_bytes(value)}/s"
