"""Divide a document into steps."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from backend.provisioning.document import Document, File, PresetChoice
from backend.provisioning.models import Kind, Step

LONGEST_TITLE = 200


def steps_of(document: Document) -> list[Step]:
    """Return the steps in the order in which they are applied."""
    return list(_steps(document))


def _steps(document: Document) -> Iterator[Step]:
    if document.environment:
        yield _step(Kind.ENVIRONMENT, "environment", ", ".join(document.environment), document.environment)
    if document.apt:
        yield _step(Kind.APT, "apt", ", ".join(document.apt), list(document.apt))
    if document.pip:
        yield _step(Kind.PIP, "pip", ", ".join(document.pip), list(document.pip))
    for node in document.nodes:
        content = {"repository": node.repository, "commit": node.commit, "folder": node.folder}
        yield _step(Kind.NODE, f"node-{node.folder}", f"{node.folder} at {node.commit[:10]}", content)
    for preset in document.presets:
        yield _step(Kind.PRESET, f"preset-{preset.id}", preset.id, preset.model_dump())
    for file in document.files:
        key = f"file-{hashlib.sha256(file.destination.encode()).hexdigest()[:16]}"
        yield _step(Kind.FILE, key, file.destination, file.model_dump())


def _step(kind: Kind, key: str, title: str, content: Any) -> Step:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Step(kind=kind, key=key, title=title[:LONGEST_TITLE], digest=digest, content=content)


def preset_of(step: Step) -> PresetChoice:
    return PresetChoice.model_validate(step.content)


def file_of(step: Step) -> File:
    return File.model_validate(step.content)
