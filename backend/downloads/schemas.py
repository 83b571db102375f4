"""What the API of downloads accepts and returns."""

from datetime import datetime

from pydantic import BaseModel, Field

from backend.downloads.engine.models import Verification
from backend.downloads.models import ACTIVE, State


class DownloadRequest(BaseModel):
    """Request one file."""

    url: str = Field(
        max_length=4096,
        description="URL of one file: Hugging Face, Civitai, an AIR or any http(s) URL. A page of Civitai stands for "
        "the main file of that version.",
    )
    folder: str = Field(max_length=255, description="ComfyUI model folder, such as `loras` or `loras/style`.")
    filename: str | None = Field(
        default=None, max_length=255, description="Name on disk; default: as at the source."
    )
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-fA-F]{64}$", description="Expected hash of the content."
    )
    alternatives: tuple[str, ...] = Field(
        default=(),
        max_length=10,
        description="Other URLs of the same content, tried in order. They are used once its SHA-256 is known.",
    )
    allow_pickle: bool = Field(
        default=False,
        description="Required for `.ckpt`, `.pt`, `.pth`, `.bin` and other pickle formats: loading such a file can run "
        "code that it contains.",
    )


class PickedFile(DownloadRequest):
    """A selected row of a listing."""

    bytes: int | None = Field(default=None, ge=0)


class BatchRequest(BaseModel):
    """Request a whole repository or folder, a version with all its files, or some files of these."""

    url: str = Field(max_length=4096, description="As for `/api/sources/listing`.")
    folder: str | None = Field(
        default=None, max_length=255, description="Model folder; default: as the path of each file suggests."
    )
    paths: list[str] | None = Field(
        default=None,
        max_length=1000,
        description="Which files, by their `path` in `/api/sources/listing`; default: all.",
    )
    keep_folders: bool = Field(
        default=False, description="Keep the source's folders below `folder`, as diffusers models need it."
    )
    allow_pickle: bool = Field(default=False, description="As for one file.")


class Refusal(BaseModel):
    """A file that was not queued, and why."""

    filename: str
    message: str


class BatchReport(BaseModel):
    """The result of a request for several files."""

    transfers: list["TransferView"]
    refused: list[Refusal]


class OrderRequest(BaseModel):
    """Where transfers stand in the queue."""

    ids: list[str] = Field(max_length=1000, description="Transfers in their new order.")
    before: str | None = Field(
        default=None, max_length=64, description="The transfer that follows them; default: all others follow."
    )


class ProblemView(BaseModel):
    code: str
    message: str


class TransferView(BaseModel):
    """A transfer as the API, the socket and the pages show it."""

    id: str
    url: str
    host: str
    folder: str
    filename: str
    preset: str | None
    state: State
    verification: Verification | None
    problem: ProblemView | None
    bytes: int | None
    received: int
    checked: int = Field(description="Bytes that have been hashed.")
    speed: float = Field(description="Bytes per second.")
    seconds_left: float | None = Field(
        description="Estimated from at least 15 seconds; null while it cannot be estimated."
    )
    connections: int = Field(
        description="How many are open now. A running transfer without one waits for a connection."
    )
    failures: int
    seen_by_comfyui: bool | None = Field(
        description="Whether ComfyUI lists the file; null until it could be asked."
    )
    sha256: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    retry_at: datetime | None

    @property
    def moves(self) -> bool:
        """Return whether it continues without a user."""
        return self.state in ACTIVE

    @property
    def place(self) -> str:
        """Path below the models folder."""
        return f"{self.folder}/{self.filename}"


class Filter(BaseModel):
    """Which transfers a list contains."""

    state: set[State] = Field(default_factory=set, description="Any of these states; default: all.")
    preset: str | None = Field(default=None, max_length=200, description="Only what this preset requested.")
    q: str = Field(
        default="", max_length=200, description="Part of the folder, the file name, the host or the preset."
    )
