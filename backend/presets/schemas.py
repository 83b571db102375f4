"""Requests and responses of the presets API."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.downloads.schemas import Refusal, TransferView
from backend.presets.models import Preset, PresetFile, PresetId
from backend.sources.formats import Format
from backend.sources.models import Scan

FormatByName = Annotated[Format, Field(description="According to its name. Loading a `pickle` can run code.")]
ScanResult = Annotated[
    Scan | None, Field(description="The verdict of the hub's scanners; null when it is unknown.")
]


class FileStatus(BaseModel):
    """A file of a preset, and its state on this pod."""

    file: PresetFile
    format: FormatByName
    scan: ScanResult
    state: str = Field(
        description="`installed`, `missing`, `other` (a different file has its name), `kept` (the user keeps that file), or "
        "the state of its transfer."
    )
    verified: bool = Field(description="Its content had the expected hash and is unchanged since.")
    found: int | None = Field(
        default=None, description="Bytes of the different file, if the state is `other` or `kept`."
    )
    transfer: str | None = Field(description="Id of the transfer that downloads it, if there is one.")
    received: int
    bytes: int | None
    reading: int | None = Field(
        default=None, description="Bytes read so far by a verification; null when none runs."
    )
    unreadable: str | None = Field(
        default=None, description="Why the file could not be read, if it could not be verified."
    )

    @property
    def is_truncated(self) -> bool:
        """Return whether a shorter file has its name: it may be the beginning."""
        return self.state == "other" and 0 < (self.found or 0) < (self.bytes or 0)


class PresetState(StrEnum):
    INSTALLED = "installed"
    PARTIAL = "partial"
    DOWNLOADING = "downloading"
    MISSING = "missing"


class PresetStatus(BaseModel):
    """Which files of a preset are installed, and what the others need."""

    id: str
    state: PresetState
    installed_files: int = Field(description="How many are `installed` or `kept`.")
    total_files: int
    received: int
    bytes: int | None
    to_fetch: int = Field(description="Bytes that remain to be downloaded, as far as sizes are known.")
    sizes_unknown: int = Field(description="How many missing files have no known size.")
    free: int = Field(description="Free bytes, minus what active downloads still need.")
    files: list[FileStatus]

    @property
    def short_by(self) -> int:
        """Bytes that must be freed before the download fits."""
        return max(0, self.to_fetch - self.free)

    @property
    def pickles_to_fetch(self) -> bool:
        return any(file.format == Format.PICKLE for file in self.absent)

    @property
    def absent(self) -> list[FileStatus]:
        """Files that are neither installed nor hidden by a different file of the same name."""
        return [file for file in self.files if file.state not in ("installed", "kept", "other")]

    @property
    def others(self) -> list[FileStatus]:
        """Files whose name a different file has."""
        return [file for file in self.files if file.state == "other"]

    @property
    def kept(self) -> list[FileStatus]:
        """Files whose name a file has that the user keeps."""
        return [file for file in self.files if file.state == "kept"]


class PresetSummary(BaseModel):
    """A preset in a list."""

    preset: Preset
    state: PresetState
    installed_files: int


class Category(BaseModel):
    name: str
    presets: int


class FileProblem(BaseModel):
    """A mistake in a preset's file."""

    file: str
    line: int | None
    message: str


class UpdateReport(BaseModel):
    """The result of reading all definitions again."""

    presets: int
    added: list[str]
    removed: list[str]
    problems: list[FileProblem]


class Availability(StrEnum):
    """Where a file that a workflow needs is available."""

    # In the folder and under the name that the workflow uses.
    HERE = "here"
    # A different file has its name in its folder: its size or hash differs.
    OTHER = "other"
    # Under another name or in another folder, with the same hash: a second name costs nothing.
    SAME_CONTENT = "same_content"
    # The same name in another folder: choose it in the node, if it is the same file.
    SAME_NAME = "same_name"
    # It is being downloaded.
    COMING = "coming"
    # It can be downloaded.
    FETCHABLE = "fetchable"
    # No source is known, or the folder it belongs in is unknown.
    UNKNOWN = "unknown"


class RequiredFile(BaseModel):
    """A file that a workflow needs, and where it is available."""

    filename: str
    format: FormatByName
    scan: ScanResult = None
    folder: str | None = Field(description="Model folder; null when it is unknown.")
    node_types: list[str] = Field(description="The types of the nodes that use it.")
    switched_off: bool = Field(description="Only muted or bypassed nodes use it.")
    state: Availability
    found_at: str | None = Field(default=None, description="Its path on this pod, if it is elsewhere.")
    transfer: str | None = Field(
        default=None, description="Id of the transfer that downloads it, if there is one."
    )
    url: str | None = None
    host: str | None = None
    named_by: str | None = Field(
        default=None, description="The source of the URL: `workflow`, or the id of a preset."
    )
    bytes: int | None = None
    sha256: str | None = None

    @property
    def can_be_got(self) -> bool:
        """Return whether a download or a second name provides it; files of muted nodes are not needed."""
        return self.state in (Availability.FETCHABLE, Availability.SAME_CONTENT) and not self.switched_off

    @property
    def cannot_be_got(self) -> bool:
        """Return whether an active node needs it and only the user can provide it."""
        unclear = (Availability.UNKNOWN, Availability.SAME_NAME, Availability.OTHER)
        return self.state in unclear and not self.switched_off


class MissingNode(BaseModel):
    """A node type that this ComfyUI does not have."""

    type: str
    package: str | None = Field(description="Its package, according to the workflow.")


class WorkflowRequirements(BaseModel):
    """The files and nodes that a workflow needs."""

    files: list[RequiredFile]
    bytes_to_fetch: int = Field(
        description="Bytes of the files that can be downloaded, as far as sizes are known."
    )
    sizes_unknown: int = Field(description="How many files that can be downloaded have no known size.")
    free: int = Field(description="Free bytes, minus what active downloads still need.")
    nodes_checked: bool = Field(
        description="False when ComfyUI did not answer: missing nodes are unknown then."
    )
    missing_nodes: list[MissingNode]

    @property
    def to_get(self) -> list[RequiredFile]:
        """The files that a download or a second name provides."""
        return [file for file in self.files if file.can_be_got]

    @property
    def pickles_to_get(self) -> bool:
        return any(file.format == Format.PICKLE for file in self.to_get)

    @property
    def coming(self) -> bool:
        return any(file.state == Availability.COMING for file in self.files)


class FetchReport(BaseModel):
    """The result of downloading every available file of a workflow."""

    transfers: list[TransferView]
    linked: list[str] = Field(
        description="Files that were here under another name and now have this one too."
    )
    refused: list[Refusal]


class ExportRequest(BaseModel):
    """The name of the new preset, and the files it contains."""

    model_config = ConfigDict(extra="forbid")

    id: PresetId
    title: str = Field(min_length=1, max_length=200)
    category: str = Field(default="Added", min_length=1, max_length=80)
    files: list[str] | None = Field(default=None, description="Such as `vae/ae.safetensors`; null for all.")

    def includes(self, place: str) -> bool:
        return self.files is None or place in self.files


class ExportReport(BaseModel):
    """A preset for other pods, once all files are hashed."""

    preset: str | None = Field(
        description="YAML; null while files are being hashed, or when no URL is known."
    )
    hashing: list[str] = Field(
        description="Files that are not hashed yet. Send the request again to continue."
    )
    left_out: list[str] = Field(description="Files whose URL is unknown.")
    bytes: int = Field(description="The size of all files together.")
    hashed: int = Field(description="How many of these bytes are hashed.")
