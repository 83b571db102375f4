"""What the API takes and gives."""

from datetime import datetime

from pydantic import BaseModel, Field

from backend.downloads.models import ACTIVE, State, Verification


class DownloadRequest(BaseModel):
    """Ask for one file."""

    url: str = Field(
        max_length=4096,
        description="Address of one file: Hugging Face, Civitai, an AIR or any http(s) URL. A page of Civitai means "
        "the main file of that version.",
    )
    folder: str = Field(max_length=255, description="ComfyUI model folder, such as `loras` or `loras/style`.")
    filename: str | None = Field(
        default=None, max_length=255, description="Name on disk; default: as the source has it."
    )
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-fA-F]{64}$", description="Promised hash of the content."
    )
    alternatives: tuple[str, ...] = Field(
        default=(),
        max_length=10,
        description="Other addresses of the same content, tried in order. They count once its SHA-256 is known.",
    )
    allow_pickle: bool = Field(
        default=False,
        description="Needed for `.ckpt`, `.pt`, `.pth`, `.bin` and the like: loading such a file can run code that is in it.",
    )


class PickedFile(DownloadRequest):
    """A row that was ticked after a look at an address."""

    bytes: int | None = Field(default=None, ge=0)


class BatchRequest(BaseModel):
    """Ask for a whole repository or folder, for a version with all its files, or for some files of either."""

    url: str = Field(max_length=4096, description="As for `/api/sources/look`.")
    folder: str | None = Field(
        default=None, max_length=255, description="Model folder; default: as the place of each file suggests."
    )
    paths: list[str] | None = Field(
        default=None,
        max_length=1000,
        description="Which files, as `/api/sources/look` names them; default: all.",
    )
    keep_folders: bool = Field(
        default=False, description="Keep the source's folders below `folder`, as diffusers models need it."
    )
    allow_pickle: bool = Field(default=False, description="As for one file.")


class Refusal(BaseModel):
    """A file that was not asked for, and why."""

    filename: str
    message: str


class BatchReport(BaseModel):
    """What asking for several files brought."""

    transfers: list["TransferView"]
    refused: list[Refusal]


class OrderRequest(BaseModel):
    """What shall be fetched first."""

    ids: list[str] = Field(max_length=1000, description="Transfers in the order wanted; all others follow.")


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
    checked: int = Field(description="Bytes that have been hashed; trails `received`.")
    speed: float = Field(description="Bytes per second.")
    seconds_left: float | None
    connections: int = Field(description="How many are open at this moment.")
    failures: int
    seen_by_comfyui: bool | None = Field(
        description="Whether ComfyUI offers the file now; null as long as it could not be asked."
    )
    sha256: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    retry_at: datetime | None

    @property
    def moves(self) -> bool:
        """It goes on by itself."""
        return self.state in ACTIVE

    @property
    def place(self) -> str:
        """Path below the models folder."""
        return f"{self.folder}/{self.filename}"


class Filter(BaseModel):
    """Which transfers shall be shown."""

    state: set[State] = Field(default_factory=set, description="Any of these states; default: all.")
    preset: str | None = Field(default=None, max_length=200, description="Only what this preset asked for.")
    q: str = Field(default="", max_length=200, description="Part of the folder, the file name or the host.")

    def holds(self, view: TransferView) -> bool:
        text = f"{view.place} {view.host}".lower()
        return (
            (not self.state or view.state in self.state)
            and (self.preset is None or view.preset == self.preset)
            and self.q.lower() in text
        )
