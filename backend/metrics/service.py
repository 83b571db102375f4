"""Counts the ends of jobs and downloads, and reads the present state when it is asked for."""

from collections.abc import Iterator

from backend.core.events import EventBus
from backend.downloads.models import State, TransferChanged
from backend.downloads.service import Downloads
from backend.jobs.models import JobChanged
from backend.jobs.service import Jobs
from backend.system.models import Gpu, SystemView
from backend.system.price import PodPrice
from backend.system.sampler import Sampler
from backend.web.metrics import Labels, Metrics, family, labelled

ENDED = {State.DONE, State.FAILED, State.QUARANTINED}


class PodMetrics:
    """Everything that `/metrics` reports."""

    def __init__(
        self,
        metrics: Metrics,
        jobs: Jobs,
        downloads: Downloads,
        sampler: Sampler,
        price: PodPrice,
        events: EventBus,
    ):
        self._metrics, self._jobs, self._downloads = metrics, jobs, downloads
        self._sampler, self._price = sampler, price
        events.subscribe(JobChanged, self._count_job)
        events.subscribe(TransferChanged, self._count_transfer)

    async def text(self) -> str:
        lines = [*self._metrics.render(), *await self._queues(), *self._session()]
        if view := self._sampler.view():
            lines += [*_machine(view), *_gpus(view.accelerator.devices)]
        return "\n".join(lines) + "\n"

    def _count_job(self, event: JobChanged) -> None:
        job = event.job
        if not job.state.is_final:
            return
        self._metrics.count("comfypod_jobs_ended_total", "Jobs that ended.", state=job.state)
        if job.started_at and job.finished_at:
            seconds = (job.finished_at - job.started_at).total_seconds()
            self._metrics.count(
                "comfypod_job_seconds_total", "Seconds that jobs ran.", seconds, state=job.state
            )

    def _count_transfer(self, event: TransferChanged) -> None:
        transfer = event.transfer
        if transfer.state in ENDED:
            self._metrics.count(
                "comfypod_downloads_ended_total", "Downloads that ended.", state=transfer.state
            )
        if transfer.state == State.DONE:
            size = transfer.bytes or 0
            self._metrics.count("comfypod_downloaded_bytes_total", "Bytes of complete downloads.", size)

    async def _queues(self) -> Iterator[str]:
        jobs = {str(state): float(count) for state, count in (await self._jobs.counts()).items()}
        downloads = {str(state): float(count) for state, count in (await self._downloads.counts()).items()}
        return iter(
            [
                *family("comfypod_jobs", "gauge", "Jobs by state.", labelled(jobs, "state")),
                *family("comfypod_downloads", "gauge", "Downloads by state.", labelled(downloads, "state")),
            ]
        )

    def _session(self) -> Iterator[str]:
        session = self._price.session()
        yield from _gauge("comfypod_session_seconds", "Seconds since the pod was started.", session.seconds)
        if session.price and session.cost is not None:
            labels = (("currency", session.price.currency),)
            yield from family(
                "comfypod_session_cost", "gauge", "Cost of this session.", [(labels, session.cost)]
            )


def _machine(view: SystemView) -> Iterator[str]:
    yield from _gauge("comfypod_cpu_percent", "CPU use.", view.cpu_percent)
    yield from _gauge("comfypod_memory_used_bytes", "Memory in use.", view.memory.used)
    yield from _gauge("comfypod_memory_bytes", "Memory of the pod.", view.memory.total)
    yield from _gauge("comfypod_disk_free_bytes", "Free space of the workspace.", view.disk.free)
    yield from _gauge("comfypod_disk_used_bytes", "Used space of the workspace.", view.disk.used)
    yield from _gauge("comfypod_comfyui_up", "1 while ComfyUI answers.", view.comfyui.up)
    up = {service.name: float(service.state == "running") for service in view.services}
    memory = {service.name: float(service.memory) for service in view.services if service.memory}
    yield from family("comfypod_service_up", "gauge", "1 while the service runs.", labelled(up, "service"))
    yield from family(
        "comfypod_service_memory_bytes", "gauge", "Memory of a service.", labelled(memory, "service")
    )


def _gpus(gpus: list[Gpu]) -> Iterator[str]:
    """Yield a metric for each figure; a figure that a device does not report is missing."""
    figures: dict[str, tuple[str, list[float | None]]] = {
        "comfypod_gpu_utilisation_percent": ("GPU use.", [gpu.utilisation for gpu in gpus]),
        "comfypod_gpu_memory_used_bytes": ("GPU memory in use.", [gpu.memory_used for gpu in gpus]),
        "comfypod_gpu_memory_bytes": ("GPU memory.", [gpu.memory_total for gpu in gpus]),
        "comfypod_gpu_temperature_celsius": ("GPU temperature.", [gpu.temperature for gpu in gpus]),
        "comfypod_gpu_power_watts": ("GPU power.", [gpu.power for gpu in gpus]),
    }
    for name, (text, values) in figures.items():
        series: list[tuple[Labels, float]] = [
            ((("gpu", str(index)), ("name", gpus[index].name)), value)
            for index, value in enumerate(values)
            if value is not None
        ]
        if series:
            yield from family(name, "gauge", text, series)


def _gauge(name: str, text: str, value: float) -> Iterator[str]:
    return family(name, "gauge", text, [((), value)])
