"""What a preset is: a workflow and every file it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl

from backend.core.errors import InvalidRequest
from backend.core.names import clean_folder, clean_name
from backend.sources.addresses import is_signed, read_link
from backend.sources.formats import Format, format_of
from backend.sources.models import Scan

PRESET_ID = r"^[a-z0-9][a-z0-9._-]{1,127}$"
# What stands below /presets and is no preset.
TAKEN_ADDRESSES = frozenset({"categories", "export", "from-workflow", "import", "update"})
MOST_FILES = 1000
# Of one file, in bytes: larger than any disk, and still a number that every program can hold.
LARGEST = 10**15


def _free_address(preset_id: str) -> str:
    if preset_id in TAKEN_ADDRESSES:
        raise ValueError(f"'{preset_id}' is the address of a page; choose another id")
    return preset_id


PresetId = Annotated[str, Field(pattern=PRESET_ID), AfterValidator(_free_address)]


def _told_to_pydantic(check: Callable[[str], str]) -> AfterValidator:
    """One of our own checks: pydantic wants a ValueError where it refuses."""

    def checked(text: str) -> str:
        try:
            return check(text)
        except InvalidRequest as refusal:
            raise ValueError(refusal.message) from None

    return AfterValidator(checked)


class PresetFile(BaseModel):
    """One model file of a preset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Annotated[str, _told_to_pydantic(clean_folder)] = Field(
        max_length=500, description="Model folder, such as `vae`."
    )
    filename: Annotated[str, _told_to_pydantic(clean_name)] = Field(max_length=255)
    url: HttpUrl
    bytes: int | None = Field(
        default=None, ge=1, le=LARGEST, description="Size, when it is known without asking."
    )
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    alternatives: tuple[HttpUrl, ...] = Field(
        default=(), max_length=10, description="The same content elsewhere, tried in order."
    )

    @property
    def place(self) -> str:
        """Path below the models folder."""
        return f"{self.folder}/{self.filename}"

    @property
    def host(self) -> str:
        return self.url.host or ""

    @property
    def format(self) -> Format:
        return format_of(self.filename)

    @property
    def is_pickle(self) -> bool:
        return self.format == Format.PICKLE


def _without_secrets(file: PresetFile) -> PresetFile:
    """Presets are shown, exported and passed on."""
    for url in (file.url, *file.alternatives):
        try:
            link = read_link(str(url))
        except InvalidRequest as refusal:
            raise ValueError(refusal.message) from None
        if link.holds_secret or is_signed(link.url):
            raise ValueError(
                f"the address of {file.filename} holds a token, a password or a signature: take it out, and set tokens "
                "in Settings"
            )
    return file


def _within_limit(files: object) -> object:
    """Count before the files are validated one by one: a long list would otherwise cause as many errors."""
    if isinstance(files, list) and len(files) > MOST_FILES:
        raise ValueError(f"a preset has at most {MOST_FILES} files, this one has {len(files)}")
    return files


class Origin(StrEnum):
    """Who wrote the preset."""

    # Comes with ComfyUI's own workflow templates.
    OFFICIAL = "official"
    # Ships with ComfyPod.
    CURATED = "curated"
    # Added by somebody on this pod.
    ADDED = "added"


class Preset(BaseModel):
    """A workflow and the files it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: PresetId
    title: str = Field(min_length=1, max_length=200)
    category: str = Field(min_length=1, max_length=80)
    description: str = Field(default="", max_length=4000)
    tags: tuple[Annotated[str, Field(max_length=80)], ...] = Field(default=(), max_length=50)
    vram_gb: float | None = Field(
        default=None, gt=0, le=10_000, description="Video memory that it needs, in GB."
    )
    disk_bytes: int | None = Field(
        default=None, ge=1, le=LARGEST, description="Sum of all files, when it is known."
    )
    licence: str | None = Field(default=None, max_length=200)
    gated: bool = Field(default=False, description="The hub asks for a token and an accepted licence.")
    workflow: str | None = Field(
        default=None, max_length=200, description="Name of the ComfyUI workflow that it belongs to."
    )
    origin: Origin
    files: Annotated[
        tuple[Annotated[PresetFile, AfterValidator(_without_secrets)], ...], BeforeValidator(_within_limit)
    ] = Field(min_length=1, max_length=MOST_FILES)


@dataclass(frozen=True)
class KnownFile:
    """A file with what its hub tells about it."""

    # Size and hash as the preset has them and, where it is silent, as the hub has them.
    file: PresetFile
    scan: Scan | None
