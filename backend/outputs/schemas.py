"""Requests and responses of the outputs API."""

from datetime import datetime
from typing import Annotated, Self
from urllib.parse import quote

from pydantic import BaseModel, Field

from backend.outputs.kinds import Kind, kind_of
from backend.outputs.models import NO_PROVENANCE, Provenance, modified_at, path_of
from backend.storage.models import ModelFile

OutputPath = Annotated[str, Field(min_length=1, max_length=4096)]
MAX_SELECTED = 5000


class Selection(BaseModel):
    paths: list[OutputPath] = Field(min_length=1, max_length=MAX_SELECTED, description="Paths of outputs.")


class OutputFileView(BaseModel):
    """A file below ComfyUI's output folder."""

    path: str = Field(description="Below the output folder, such as `jobs/portrait/cat-1.png`.")
    kind: Kind
    bytes: int
    modified_at: datetime
    url: str = Field(description="URL of the file.")
    thumbnail: str = Field(description="URL of a small WebP picture, or of a placeholder for the kind.")
    job_id: str | None
    job_name: str | None
    batch_id: str | None
    workflow: str | None = Field(description="Name of the template.")
    models: list[str]
    seed: int | None
    prompt: str | None = Field(description="The positive prompt, at most 4000 characters.")
    has_graph: bool = Field(description="Whether the workflow can be opened in ComfyUI.")

    @classmethod
    def of(cls, file: ModelFile, provenance: Provenance = NO_PROVENANCE) -> Self:
        path = path_of(file)
        return cls(
            path=path,
            kind=kind_of(file.filename),
            bytes=file.bytes,
            modified_at=modified_at(file),
            url=file_url(path),
            thumbnail=thumbnail_url(file),
            job_id=provenance.job_id or None,
            job_name=provenance.job_name or None,
            batch_id=provenance.batch_id or None,
            workflow=provenance.workflow or None,
            models=list(provenance.models),
            seed=provenance.seed,
            prompt=provenance.prompt or None,
            has_graph=provenance.has_graph,
        )


def file_url(path: str) -> str:
    return f"/api/outputs/file/{quote(path)}"


def thumbnail_url(file: ModelFile) -> str:
    return f"/outputs/thumbnail/{quote(path_of(file))}?v={file.mtime_ns:x}{file.bytes:x}"
