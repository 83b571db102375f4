"""What a preset is: a workflow and every file it needs."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl

from backend.core.folders import MODEL_FOLDERS, current_name


def _model_folder(folder: str) -> str:
    folder = current_name(folder.strip("/"))
    if folder.partition("/")[0] not in MODEL_FOLDERS or ".." in folder.split("/"):
        raise ValueError(f"'{folder}' is not a model folder of ComfyUI")
    return folder


def _plain_name(name: str) -> str:
    if name != name.strip() or name.startswith(".") or set(name) & set('/\\:*?"<>|\0'):
        raise ValueError(f"'{name}' is not a plain file name")
    return name


class PresetFile(BaseModel):
    """One model file of a preset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Annotated[str, AfterValidator(_model_folder)] = Field(description="Model folder, such as `vae`.")
    filename: Annotated[str, AfterValidator(_plain_name)] = Field(min_length=1, max_length=255)
    url: HttpUrl
    bytes: int | None = Field(default=None, ge=1, description="Size, when it is known without asking.")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    alternatives: tuple[HttpUrl, ...] = Field(
        default=(), description="The same content elsewhere, tried in order."
    )


class Origin(StrEnum):
    """Who wrote the preset."""

    # Comes with ComfyUI's own workflow templates.
    OFFICIAL = "official"
    # Ships with ComfyPod.
    CURATED = "curated"


class Preset(BaseModel):
    """A workflow and the files it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,127}$")
    title: str = Field(min_length=1, max_length=200)
    category: str = Field(min_length=1, max_length=80)
    description: str = Field(default="", max_length=4000)
    tags: tuple[str, ...] = ()
    vram_gb: float | None = Field(default=None, gt=0, description="Video memory that it needs, in GB.")
    disk_bytes: int | None = Field(default=None, ge=1, description="Sum of all files, when it is known.")
    licence: str | None = Field(default=None, max_length=200)
    gated: bool = Field(default=False, description="The hub asks for a token and an accepted licence.")
    workflow: str | None = Field(default=None, description="Name of the ComfyUI workflow that it belongs to.")
    origin: Origin
    files: tuple[PresetFile, ...] = Field(min_length=1)


class FileStatus(BaseModel):
    """A file of a preset, and where it stands on this pod."""

    file: PresetFile
    state: str = Field(description="`installed`, `missing`, or the state of its transfer.")
    transfer: str | None = Field(description="Id of the transfer that fetches it, if there is one.")
    received: int
    bytes: int | None


class PresetState(StrEnum):
    INSTALLED = "installed"
    PARTIAL = "partial"
    DOWNLOADING = "downloading"
    MISSING = "missing"


class PresetStatus(BaseModel):
    """How much of a preset is on this pod."""

    id: str
    state: PresetState
    installed_files: int
    total_files: int
    received: int
    bytes: int | None
    files: list[FileStatus]


class PresetSummary(BaseModel):
    """A preset in a list."""

    preset: Preset
    state: PresetState
    installed_files: int


class Category(BaseModel):
    name: str
    presets: int


class FileProblem(BaseModel):
    """A preset file that could not be read."""

    file: str
    line: int | None
    message: str


class UpdateReport(BaseModel):
    """What reading the definitions again brought."""

    presets: int
    added: list[str]
    removed: list[str]
    problems: list[FileProblem]
