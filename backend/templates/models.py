"""What a template is: one version of a workflow, with its inputs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from backend.workflows.graph import Json, Workflow


class Source(StrEnum):
    """Where a template comes from; lists have them in this order."""

    # Entries of `workflows.yaml`.
    WORKFLOWS_YAML = "workflows_yaml"
    # Saved in ComfyUI's editor.
    COMFYUI = "comfyui"
    # Files in `$WORKSPACE/workflows`.
    FOLDER = "folder"
    # Uploaded to the control plane.
    UPLOADED = "uploaded"
    # ComfyUI's own examples.
    OFFICIAL = "official"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSummary:
    """A template in a list. Its file has not been read."""

    # `official:image_flux`, `comfyui:portraits/cat`, `folder:upscale`, `uploaded:3f…`, or an id of `workflows.yaml`.
    id: str
    title: str
    source: Source
    description: str = ""
    # What it makes: `image`, `video`, `audio`, `3d` or `text`; None where only the file would tell.
    media_type: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    # Whether its nodes call a paid service.
    paid: bool = False
    modified_at: datetime | None = None
    # Why it cannot be used.
    problem: str | None = None
    # Place among the templates of its source; those with the same place are sorted by title.
    position: int = 0

    @property
    def name(self) -> str:
        """The id without the source."""
        return self.id if self.source is Source.WORKFLOWS_YAML else self.id.partition(":")[2]


@dataclass(frozen=True, kw_only=True)
class Template:
    """A workflow that jobs can be made from."""

    id: str
    title: str
    source: Source
    # Hash of the workflow: another content is another version.
    version: str
    workflow: Workflow = field(repr=False)
    description: str = ""
    media_type: str | None = None
    # Inputs without which no job is made.
    required_inputs: tuple[str, ...] = ()
    # What the index of the official templates says about files.
    io: Json = field(default_factory=dict, repr=False)

    @property
    def document(self) -> Json:
        """The JSON of the workflow, in the format that it was saved in."""
        return self.workflow.document


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What one job of a template runs."""

    # The workflow in API format, with its own values; the jobs of a batch share it.
    prompt: Json = field(repr=False)
    # The graph as the editor draws it; None for a template in API format.
    workflow: Json | None = field(repr=False)
    # What this job sets in the prompt, by `NODE.INPUT`, seeds included.
    values: Mapping[str, Any]
    # The seeds among them, by the name of the input.
    seeds: Mapping[str, int]


# What the last node of a workflow makes, by a word in the name of its type. The first that fits counts.
_MEDIA_WORDS = (
    ("video", ("video", "webm", "animated")),
    ("audio", ("audio",)),
    ("3d", ("glb", "3d", "mesh", "splat")),
    ("image", ("image", "svg", "mask")),
    ("text", ("text", "string", "previewany")),
)
_OUTPUT_WORDS = ("save", "preview", "combine", "export")


def media_type_of(workflow: Workflow) -> str | None:
    """Return what the workflow makes, by its nodes that save or show something."""
    types = [node.type.lower() for node in workflow.all_nodes if node.is_active]
    ends = [name for name in types if any(word in name for word in _OUTPUT_WORDS)]
    # What is saved counts before what is only shown.
    for candidates in ([name for name in ends if "preview" not in name], ends):
        for media_type, words in _MEDIA_WORDS:
            if any(word in name for name in candidates for word in words):
                return media_type
    return None


def version_of(document: Json) -> str:
    """Return the hash of a workflow's content."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def template_of(summary: TemplateSummary, workflow: Workflow, **more: Any) -> Template:
    """Return the template of a list's entry, now that its workflow has been read."""
    return Template(
        id=summary.id,
        title=summary.title,
        source=summary.source,
        version=version_of(workflow.document),
        workflow=workflow,
        description=summary.description,
        media_type=summary.media_type or media_type_of(workflow),
        **more,
    )
