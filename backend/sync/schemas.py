"""Cloud sync, as the API describes it. No response contains a key or a secret."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, Field, HttpUrl, SecretStr, StringConstraints

from backend.sync.models import (
    DEFAULT_PREFIX,
    ENVIRONMENT,
    Choice,
    FileState,
    Kind,
    Outcome,
    Progress,
    Remote,
    When,
)

NAME = r"^[a-z0-9][a-z0-9-]{0,30}$"
BUCKET = r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$"
PREFIX = r"^([A-Za-z0-9_][A-Za-z0-9._-]{0,60}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,60}){0,4})?$"
REGION = r"^[A-Za-z0-9-]{0,40}$"
SHOWN = 4  # last characters of a key id

Endpoint = Annotated[HttpUrl | None, BeforeValidator(lambda value: None if value == "" else value)]
KeyId = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[!-~]{3,256}$")]


class RemoteRequest(BaseModel):
    """A remote to save."""

    endpoint: Endpoint = Field(default=None, description="URL of the storage; null is Amazon S3.")
    region: str = Field(default="", pattern=REGION)
    bucket: str = Field(pattern=BUCKET)
    prefix: str = Field(default=DEFAULT_PREFIX, pattern=PREFIX, description="Folder in the bucket.")
    key_id: KeyId = Field(description="The access key's id.")
    secret: SecretStr = Field(
        default=SecretStr(""),
        max_length=512,
        description="Its secret. Empty keeps the saved one, for the same endpoint and key.",
    )

    def as_remote(self, name: str) -> Remote:
        return Remote(
            name=name,
            endpoint=str(self.endpoint).rstrip("/") if self.endpoint else "",
            region=self.region,
            bucket=self.bucket,
            prefix=self.prefix,
            key_id=self.key_id,
            secret=self.secret.get_secret_value().strip(),
        )


class RemoteForm(RemoteRequest):
    """A remote to save, with its name."""

    name: str = Field(pattern=NAME)


class ChoiceRequest(BaseModel):
    """When files are uploaded, and how fast."""

    when: When = Field(
        description="`jobs`: after each job; `schedule`: every so many minutes; `manual`: on request."
    )
    minutes: int = Field(default=30, ge=1, le=10080, description="Minutes between uploads of `schedule`.")
    limit: int = Field(default=0, ge=0, le=10000, description="In megabytes per second; 0 is no limit.")

    def as_choice(self) -> Choice:
        return Choice(when=self.when, minutes=self.minutes, limit=self.limit)


class RunRequest(BaseModel):
    remote: str = Field(
        default="", max_length=31, description="A remote's name; empty: every one, or the first."
    )


class FilesView(BaseModel):
    """Files of one state."""

    files: int = 0
    bytes: int = 0


class OutcomeView(BaseModel):
    """How a run ended."""

    kind: Kind
    at: datetime
    files: int = Field(description="Files that were copied or found to be there.")
    bytes: int
    kept: int = Field(
        description="Files that the restore did not replace, because the pod has them with another size."
    )
    problem: str | None = Field(description="Why it is not complete, and what to do.")

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        return cls(
            kind=outcome.kind,
            at=outcome.at,
            files=outcome.files,
            bytes=outcome.size,
            kept=outcome.kept,
            problem=outcome.problem,
        )


class RemoteView(BaseModel):
    """A remote without its secret."""

    name: str
    endpoint: str = Field(description="Empty is Amazon S3.")
    region: str
    bucket: str
    prefix: str
    key_ending: str | None = Field(description="Last characters of the access key's id; null for short ones.")
    from_environment: bool
    pending: FilesView
    uploading: FilesView
    done: FilesView
    failed: FilesView
    outcomes: list[OutcomeView] = Field(description="The last upload and the last restore since the start.")

    @classmethod
    def of(cls, remote: Remote, totals: dict[FileState, tuple[int, int]], outcomes: list[Outcome]) -> Self:
        counts = {state: FilesView(files=files, bytes=size) for state, (files, size) in totals.items()}
        return cls(
            name=remote.name,
            endpoint=remote.endpoint,
            region=remote.region,
            bucket=remote.bucket,
            prefix=remote.prefix,
            key_ending=remote.key_id[-SHOWN:] if len(remote.key_id) > 3 * SHOWN else None,
            from_environment=remote.name == ENVIRONMENT,
            pending=counts.get(FileState.PENDING, FilesView()),
            uploading=counts.get(FileState.UPLOADING, FilesView()),
            done=counts.get(FileState.DONE, FilesView()),
            failed=counts.get(FileState.FAILED, FilesView()),
            outcomes=[OutcomeView.of(outcome) for outcome in outcomes],
        )


class ProgressView(BaseModel):
    """The run in progress."""

    kind: Kind
    remote: str
    started_at: datetime
    files: int
    files_done: int
    bytes: int
    bytes_done: int
    current: list[str] = Field(description="Files that are being copied.")

    @classmethod
    def of(cls, progress: Progress) -> Self:
        return cls(
            kind=progress.kind,
            remote=progress.remote,
            started_at=progress.started_at,
            files=progress.files,
            files_done=min(progress.files_done, progress.files),
            bytes=progress.size,
            bytes_done=min(progress.size_done, progress.size),
            current=list(progress.current),
        )


class SyncView(BaseModel):
    """Cloud sync of this pod."""

    when: When
    minutes: int
    limit: int
    remotes: list[RemoteView]
    requested: int = Field(description="Runs that begin when the one in progress has ended.")
    progress: ProgressView | None = Field(description="The run in progress; null while there is none.")
    next_seconds: float | None = Field(description="Seconds until the next automatic upload.")


class FileView(BaseModel):
    path: str
    bytes: int
    state: FileState
    reason: str | None = Field(description="Why it failed, and what to do.")
    at: datetime
