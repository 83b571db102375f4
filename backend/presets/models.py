"""A preset: a workflow and every file it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl

from backend.core.errors import InvalidRequest
from backend.core.names import clean_folder, clean_name
from backend.sources.addresses import is_signed, read_link
from backend.sources.formats import Format, format_of
from backend.sources.models import Scan

PRESET_ID = r"^[a-z0-9][a-z0-9._-]{1,127}$"
# Paths below /presets that are not presets.
RESERVED_IDS = frozenset({"categories", "export", "from-workflow", "import", "selection", "update"})
MOST_FILES = 1000
# In bytes: larger than any disk, and still exact in every JSON parser.
LARGEST = 10**15


def _not_reserved(preset_id: str) -> str:
    if preset_id in RESERVED_IDS:
        raise ValueError(f"'{preset_id}' is the path of a page; choose another id")
    return preset_id


PresetId = Annotated[str, Field(pattern=PRESET_ID), AfterValidator(_not_reserved)]


def _validated_by(check: Callable[[str], str]) -> AfterValidator:
    """Wrap a check that raises InvalidRequest: pydantic expects a ValueError."""

    def checked(text: str) -> str:
        try:
            return check(text)
        except InvalidRequest as error:
            raise ValueError(error.message) from None

    return AfterValidator(checked)


class PresetFile(BaseModel):
    """A model file of a preset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Annotated[str, _validated_by(clean_folder)] = Field(
        max_length=500, description="Model folder, such as `vae`."
    )
    filename: Annotated[str, _validated_by(clean_name)] = Field(max_length=255)
    url: HttpUrl
    bytes: int | None = Field(default=None, ge=1, le=LARGEST, description="Size, when it is known.")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    alternatives: tuple[HttpUrl, ...] = Field(
        default=(), max_length=10, description="Other URLs of the same content, tried in order."
    )

    @property
    def place(self) -> str:
        """Path below the models folder."""
        return f"{self.folder}/{self.filename}"

    @property
    def host(self) -> str:
        return self.url.host or ""

    @property
    def repository(self) -> str | None:
        """Page of its repository on Hugging Face or a mirror, which states the licence."""
        page, separator, _ = str(self.url).partition("/resolve/")
        return page if separator else None

    @property
    def format(self) -> Format:
        return format_of(self.filename)

    @property
    def is_pickle(self) -> bool:
        return self.format == Format.PICKLE


def _without_secrets(file: PresetFile) -> PresetFile:
    """Refuse secrets in URLs: presets are shown and exported."""
    for url in (file.url, *file.alternatives):
        try:
            link = read_link(str(url))
        except InvalidRequest as error:
            raise ValueError(error.message) from None
        if link.holds_secret or is_signed(link.url):
            raise ValueError(
                f"the URL of {file.filename} holds a token, a password or a signature: remove it, and set tokens "
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
    # Imported by a user of this pod.
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
        default=None, gt=0, le=10_000, description="GPU memory that it needs, in GiB."
    )
    disk_bytes: int | None = Field(
        default=None, ge=1, le=LARGEST, description="Sum of all files, when it is known."
    )
    licence: str | None = Field(
        default=None, max_length=200, description="Licence of the model. Without one, it is not verified."
    )
    gated: bool = Field(default=False, description="The hub requires a token and an accepted licence.")
    workflow: str | None = Field(
        default=None, max_length=200, description="Name of the ComfyUI workflow that needs it."
    )
    families: tuple[Annotated[str, Field(max_length=80)], ...] = Field(
        default=(), max_length=20, description="Model families, such as `FLUX` or `Wan`."
    )
    released: date | None = Field(default=None, description="When the workflow was published.")
    popularity: int = Field(default=0, ge=0, le=LARGEST, description="How often ComfyUI's users open it.")
    origin: Origin
    files: Annotated[
        tuple[Annotated[PresetFile, AfterValidator(_without_secrets)], ...], BeforeValidator(_within_limit)
    ] = Field(min_length=1, max_length=MOST_FILES)

    @property
    def repositories(self) -> list[str]:
        """Pages of the repositories that its files come from."""
        return list(dict.fromkeys(file.repository for file in self.files if file.repository))


@dataclass(frozen=True)
class KnownFile:
    """A file with what its hub publishes about it."""

    # Size and hash as the preset states them, else as the hub does.
    file: PresetFile
    scan: Scan | None
