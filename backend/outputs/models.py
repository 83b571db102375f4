"""The provenance of outputs, and the filters of their list."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from backend.outputs.kinds import Kind
from backend.storage.models import ModelFile

JOBS_FOLDER = "jobs/"
SIDECAR = ".job.json"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How a file was made, from its sidecar or its embedded metadata. Empty where nothing is known."""

    job_id: str = ""
    job_name: str = ""
    batch_id: str = ""
    # Name of the template.
    workflow: str = ""
    models: tuple[str, ...] = ()
    seed: int | None = None
    prompt: str = ""
    # Whether the workflow can be opened in ComfyUI's editor.
    has_graph: bool = False
    # Whether the prompt can be run again.
    has_prompt: bool = False


NO_PROVENANCE = Provenance()


@dataclass(frozen=True, kw_only=True)
class Filters:
    # Part of the path or of the prompt.
    q: str = ""
    kind: Kind | None = None
    workflow: str = ""
    model: str = ""
    job: str = ""
    batch: str = ""
    # Days in the pod's time zone, both included.
    since: date | None = None
    until: date | None = None

    @property
    def times(self) -> tuple[int, int]:
        """Return the period in nanoseconds: its start, and its end, which is excluded."""
        start = _midnight(self.since) if self.since else 0
        end = _midnight(self.until + timedelta(days=1)) if self.until and self.until < date.max else 2**63
        return start, end

    @property
    def by_provenance(self) -> bool:
        return bool(self.workflow or self.model or self.job or self.batch)

    @property
    def is_empty(self) -> bool:
        return self == Filters()


def _midnight(day: date) -> int:
    try:
        return int(datetime(day.year, day.month, day.day).astimezone().timestamp()) * 10**9
    except (OverflowError, ValueError, OSError):  # a year outside the range of the system clock
        return 0


def path_of(file: ModelFile) -> str:
    """Return the path below the output folder."""
    return file.place.removeprefix("/")


def modified_at(file: ModelFile) -> datetime:
    """Return the time of a file in the pod's time zone."""
    return datetime.fromtimestamp(file.mtime_ns / 1e9).astimezone()


def is_output(file: ModelFile) -> bool:
    """Return False for sidecars, and for files in hidden folders, such as those of unfinished jobs."""
    return "/." not in file.folder and not file.filename.endswith(SIDECAR)
