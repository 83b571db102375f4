"""What the doors tell about presets, and what they are asked."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.downloads.schemas import Refusal, TransferView
from backend.presets.models import Preset, PresetFile, PresetId
from backend.sources.formats import Format
from backend.sources.models import Scan

FormatByName = Annotated[
    Format, Field(description="As its name tells; loading a `pickle` can run code that is in it.")
]
ScanResult = Annotated[
    Scan | None, Field(description="What the hub's own scanners say; null: nothing that we know of.")
]


class FileStatus(BaseModel):
    """A file of a preset, and where it stands on this pod."""

    file: PresetFile
    format: FormatByName
    scan: ScanResult
    state: str = Field(
        description="`installed`, `missing`, `other` (another file has its name), or the state of its transfer."
    )
    verified: bool = Field(
        description="Its content was held against the promised hash, and is unchanged since."
    )
    found: int | None = Field(default=None, description="Bytes of the other file, if the state is `other`.")
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
    to_fetch: int = Field(description="Bytes that are still to come, as far as sizes are known.")
    sizes_unknown: int = Field(description="How many missing files have no known size.")
    free: int = Field(description="Bytes that are free, less what other downloads will take.")
    files: list[FileStatus]

    @property
    def short_by(self) -> int:
        """Bytes that have to be freed first."""
        return max(0, self.to_fetch - self.free)

    @property
    def pickles_to_fetch(self) -> bool:
        return any(file.format == Format.PICKLE for file in self.absent)

    @property
    def absent(self) -> list[FileStatus]:
        """Files that are not here, nor another file of their name."""
        return [file for file in self.files if file.state not in ("installed", "other")]

    @property
    def others(self) -> list[FileStatus]:
        """Files whose name another one has."""
        return [file for file in self.files if file.state == "other"]


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


class Availability(StrEnum):
    """Where a file that a workflow needs can be had."""

    # In the folder and under the name that the workflow uses.
    HERE = "here"
    # Another file has its name in its folder: of another size, or with another hash.
    OTHER = "other"
    # Under another name or in another folder, with the same hash: a second name costs nothing.
    SAME_CONTENT = "same_content"
    # The same name in another folder: choose it in the node, if it is the same file.
    SAME_NAME = "same_name"
    # A download of it is under way.
    COMING = "coming"
    # Somebody tells where it can be downloaded.
    FETCHABLE = "fetchable"
    # Nobody tells where it can be had, or into which folder it belongs.
    UNKNOWN = "unknown"


class RequiredFile(BaseModel):
    """A file that a workflow needs, and where it can be had."""

    filename: str
    format: FormatByName
    scan: ScanResult = None
    folder: str | None = Field(description="Model folder; null when nobody can tell which.")
    node_types: list[str] = Field(description="The kinds of nodes that choose it.")
    switched_off: bool = Field(description="Only muted or bypassed nodes choose it.")
    state: Availability
    found_at: str | None = Field(default=None, description="Where it is on this pod, if elsewhere.")
    transfer: str | None = Field(default=None, description="Id of the transfer that brings it, if one does.")
    url: str | None = None
    host: str | None = None
    named_by: str | None = Field(
        default=None, description="Who names the address: `workflow`, or the id of a preset."
    )
    bytes: int | None = None
    sha256: str | None = None

    @property
    def can_be_got(self) -> bool:
        """By a download or by a second name; what only switched-off nodes use is not asked for."""
        return self.state in (Availability.FETCHABLE, Availability.SAME_CONTENT) and not self.switched_off

    @property
    def cannot_be_got(self) -> bool:
        """A node that is on wants it, and only a person can find it."""
        unclear = (Availability.UNKNOWN, Availability.SAME_NAME, Availability.OTHER)
        return self.state in unclear and not self.switched_off


class MissingNode(BaseModel):
    """A kind of node that this ComfyUI does not have."""

    type: str
    package: str | None = Field(description="The package that it comes from, as the workflow says.")


class WorkflowRequirements(BaseModel):
    """What a workflow needs, what of it is here, and what can be had."""

    files: list[RequiredFile]
    bytes_to_fetch: int = Field(description="Sum of what can be fetched, as far as sizes are known.")
    sizes_unknown: int = Field(description="How many files that can be fetched have no known size.")
    free: int = Field(description="Bytes that are free on the disk of the models.")
    nodes_checked: bool = Field(description="False when ComfyUI did not answer: nobody can tell then.")
    missing_nodes: list[MissingNode]

    @property
    def to_get(self) -> list[RequiredFile]:
        """The files that one click brings, by a download or by a second name."""
        return [file for file in self.files if file.can_be_got]

    @property
    def pickles_to_get(self) -> bool:
        return any(file.format == Format.PICKLE for file in self.to_get)

    @property
    def coming(self) -> bool:
        return any(file.state == Availability.COMING for file in self.files)


class FetchReport(BaseModel):
    """What asking for everything at once brought."""

    transfers: list[TransferView]
    linked: list[str] = Field(description="Files that were here under another name and got a second one.")
    refused: list[Refusal]


class ExportRequest(BaseModel):
    """What an exported preset is to be called, and what goes into it."""

    model_config = ConfigDict(extra="forbid")

    id: PresetId
    title: str = Field(min_length=1, max_length=200)
    category: str = Field(default="Added", min_length=1, max_length=80)
    files: list[str] | None = Field(default=None, description="Such as `vae/ae.safetensors`; null for all.")

    def takes(self, place: str) -> bool:
        return self.files is None or place in self.files


class ExportReport(BaseModel):
    """A preset that can be imported elsewhere, once everything is hashed."""

    preset: str | None = Field(description="YAML; null while files are hashed, or when none has an address.")
    hashing: list[str] = Field(description="Files that are not hashed yet. Ask again to go on.")
    left_out: list[str] = Field(description="Files of which nobody knows where they can be had.")
    bytes: int = Field(description="Of all files that were asked for.")
    hashed: int = Field(description="How many of these bytes were read.")
