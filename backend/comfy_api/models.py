"""Assets: files that clients upload as inputs of their workflows."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

# An asset that no unfinished job uses is deleted after this time without use.
KEPT_UNUSED = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A name for an uploaded file. Several assets may share one file."""

    id: str
    # `blake3:` and the digest in hexadecimal.
    hash: str
    bytes: int
    content_type: str
    # The client's name for it; never used as a path.
    file_path: str
    # The name of the file below our folder of inputs.
    name: str
    created_at: datetime
    used_at: datetime

    @property
    def expires_at(self) -> datetime:
        return self.used_at + KEPT_UNUSED

    def changed(self, **changes: Any) -> Self:
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class OutputId:
    """Outputs of jobs are assets, too. Their ids say where they are: `JOB.NUMBER`."""

    job_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.job_id}.{self.number}"

    @classmethod
    def read(cls, asset_id: str) -> "OutputId | None":
        """Return None for the id of an upload."""
        job_id, dot, number = asset_id.rpartition(".")
        if not (dot and job_id and number.isascii() and number.isdecimal() and len(number) <= 6):
            return None
        return cls(job_id=job_id, number=int(number))


def new_asset_id() -> str:
    return str(uuid.uuid4())
