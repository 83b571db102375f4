"""Keys with which API nodes sign in at comfy.org. In memory only: they are never stored, so a restart loses them."""

from collections.abc import Iterable

from backend.core.events import EventBus
from backend.jobs.models import JobChanged


class PartnerKeys:
    def __init__(self, events: EventBus):
        self._keys: dict[str, str] = {}
        events.subscribe(JobChanged, self._forget_ended)

    def keep(self, job_ids: Iterable[str], key: str) -> None:
        self._keys |= dict.fromkeys(job_ids, key)

    def extra_data(self, job_id: str) -> dict[str, str]:
        """Return what ComfyUI gets beside the prompt."""
        key = self._keys.get(job_id)
        return {"api_key_comfy_org": key} if key else {}

    def _forget_ended(self, change: JobChanged) -> None:
        if change.job.state.is_final:
            self._keys.pop(change.job.id, None)
