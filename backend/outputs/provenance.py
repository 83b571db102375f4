"""Read the provenance of a file: from the sidecar that jobs write, else from the metadata that ComfyUI embeds. Blocks for disk accesses."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from backend.core.errors import InvalidRequest
from backend.outputs.models import SIDECAR, Provenance
from backend.outputs.prompt_facts import facts_of
from backend.workflows.metadata import embedded_texts
from backend.workflows.parsing import MAX_BYTES, as_dict, parse_json

NUMBER = re.compile(r"-\d+$")


class RawProvenance(NamedTuple):
    """The sidecar of a file, its prompt and its graph as they were found; empty where they are missing."""

    sidecar: dict[str, Any]
    prompt: dict[str, Any]
    graph: dict[str, Any]


NOTHING = RawProvenance({}, {}, {})


def provenance_of(path: Path) -> Provenance:
    """Return the provenance of the file; an empty one where nothing is known."""
    raw = raw_provenance_of(path)
    if raw == NOTHING:
        return Provenance()
    job, facts = as_dict(raw.sidecar.get("job")), facts_of(raw.prompt)
    return Provenance(
        job_id=_text(job.get("id")),
        job_name=_text(job.get("name")),
        batch_id=_text(job.get("batch")),
        workflow=_text(job.get("template")),
        models=facts.models,
        seed=facts.seed,
        prompt=facts.prompt,
        has_graph=bool(raw.graph.get("nodes")),
        has_prompt=bool(raw.prompt),
    )


def raw_provenance_of(path: Path) -> RawProvenance:
    sidecar = _sidecar_of(path)
    embedded = _embedded(path) if not sidecar.get("prompt") or not sidecar.get("workflow") else {}
    return RawProvenance(
        sidecar=sidecar,
        prompt=as_dict(sidecar.get("prompt")) or _parsed(embedded.get("prompt")),
        graph=_parsed(embedded.get("workflow")) or as_dict(sidecar.get("workflow")),
    )


def _sidecar_of(path: Path) -> dict[str, Any]:
    """Return the sidecar that lists this file, if there is one."""
    for candidate in _sidecar_paths(path):
        try:
            if candidate.stat().st_size > MAX_BYTES:
                continue
            sidecar = as_dict(parse_json(candidate.read_bytes()))
        except (OSError, InvalidRequest):
            continue
        outputs = sidecar.get("outputs")
        listed = [as_dict(output).get("path") for output in outputs] if isinstance(outputs, list) else []
        if any(isinstance(name, str) and PurePosixPath(name).name == path.name for name in listed):
            return sidecar
    return {}


def _sidecar_paths(path: Path) -> Iterator[Path]:
    """Yield where a sidecar may be: `cat.job.json` for `cat.png`, and for `cat-1.png`."""
    yield path.with_name(path.stem + SIDECAR)
    if NUMBER.search(path.stem):
        yield path.with_name(NUMBER.sub("", path.stem) + SIDECAR)


def _embedded(path: Path) -> dict[str, bytes]:
    try:
        with path.open("rb") as file:
            return embedded_texts(file)
    except (OSError, ValueError, MemoryError, OverflowError):  # deleted meanwhile, or damaged
        return {}


def _parsed(text: bytes | None) -> dict[str, Any]:
    try:
        return as_dict(parse_json(text)) if text else {}
    except InvalidRequest:
        return {}


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""
