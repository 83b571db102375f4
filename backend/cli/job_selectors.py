"""Find the jobs and batches that the arguments of a command name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backend.cli.errors import CommandError, Refused

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.models import Batch, Job

ID_LENGTH = 36
# How far back beginnings of ids and names are looked up.
RECENT = 1_000


@dataclass
class Selection:
    jobs: "list[Job]" = field(default_factory=list)
    batches: "list[Batch]" = field(default_factory=list)

    def all_jobs(self, plane: "ControlPlane") -> "list[Job]":
        """Return the jobs, and those of the batches."""
        found = {job.id: job for job in self.jobs}
        for batch in self.batches:
            found |= {job.id: job for job in reversed(plane.run(plane.jobs.of_batch(batch.id)))}
        return list(found.values())


def selected(plane: "ControlPlane", words: Sequence[str]) -> Selection:
    """Return a job or a batch for each word: an id, the beginning of one, or a name that only one has."""
    selection = Selection()
    recent: tuple[list[Job], list[Batch]] | None = None
    for word in words:
        if len(word) == ID_LENGTH and _add_exact(plane, word, selection):
            continue
        recent = recent or (plane.run(plane.jobs.newest(RECENT)), plane.run(plane.jobs.batches(RECENT)))
        _add_alike(word, *recent, selection)
    return selection


def _add_exact(plane: "ControlPlane", word: str, selection: Selection) -> bool:
    try:
        selection.jobs.append(plane.run(plane.jobs.get(word)))
    except Refused as error:
        if error.code != "not_found":
            raise
    else:
        return True
    try:
        selection.batches.append(plane.run(plane.jobs.batch(word)))
    except Refused as error:
        if error.code != "not_found":
            raise
        return False
    return True


def _add_alike(word: str, jobs: "Sequence[Job]", batches: "Sequence[Batch]", selection: Selection) -> None:
    found_batches = [batch for batch in batches if word and batch.id.startswith(word)]
    found_jobs = [job for job in jobs if word and job.id.startswith(word)]
    if not (found_batches or found_jobs):
        found_jobs = [job for job in jobs if job.name == word]
    if len(found_batches) + len(found_jobs) == 1:
        selection.batches += found_batches
        selection.jobs += found_jobs
        return
    if not (found_batches or found_jobs):
        raise CommandError(f"No job or batch named '{word}'. To see all jobs: comfypod jobs ls")
    named = [(batch.id, batch.name) for batch in found_batches] + [(job.id, job.name) for job in found_jobs]
    names = "\n".join(f"  {found_id}  {name}" for found_id, name in named[:20])
    raise CommandError(f"'{word}' matches several. Give more of the id:\n{names}")
