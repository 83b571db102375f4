"""Notes in the activity log when a service crashes and when the disk gets low."""

from collections.abc import Iterator

from backend.activity.service import Activity
from backend.core import clock
from backend.core.disk import is_low
from backend.core.formatting import format_bytes
from backend.system.comfyui_runs import COMFYUI
from backend.system.models import Crash, Service, SystemView

CRASHED = frozenset({"backoff", "exited", "fatal"})


class Incidents:
    """Compares each view of the pod with the one before. What has begun before the first view is not noted."""

    def __init__(self, activity: Activity):
        self._activity = activity
        self._is_low = False
        self._crashed: set[str] | None = None
        self._last_crash = clock.now()

    def observe(self, view: SystemView) -> None:
        self._note_disk(view)
        self._note_comfyui(view.comfyui.crash)
        crashed = dict(_crashed(view))
        for name in crashed.keys() - (crashed.keys() if self._crashed is None else self._crashed):
            self._activity.note("service.crashed", crashed[name].title, reason=crashed[name].description)
        self._crashed = set(crashed)

    def _note_disk(self, view: SystemView) -> None:
        low = is_low(view.disk)
        if low and not self._is_low:
            self._activity.note("disk.low", "workspace", reason=f"{format_bytes(view.disk.free)} are free.")
        self._is_low = low

    def _note_comfyui(self, crash: Crash | None) -> None:
        if crash and crash.at > self._last_crash:
            self._last_crash = crash.at
            self._activity.note("service.crashed", "ComfyUI", reason=f"{crash.message} {crash.remedy}")


def _crashed(view: SystemView) -> Iterator[tuple[str, Service]]:
    """Yield the services that are down by themselves. ComfyUI's crashes are reported with their reasons."""
    for service in view.services:
        if service.state in CRASHED and not (service.name == COMFYUI and view.comfyui.crash):
            yield service.name, service
