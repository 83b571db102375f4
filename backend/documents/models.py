"""A workflow document and its versions."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from backend.workflows.graph import Json, WorkflowFormat


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a document. Never changed once written."""

    # Counts from 1; the newest is the document's head.
    number: int
    # The version that it was made from; None for the first.
    parent: int | None = None
    # The version whose content it has again, after an undo or a revert.
    restores: int | None = None
    name: str
    # `owner`, or `key:NAME`.
    author: str
    # What changed and why, as the author says.
    reason: str
    format: WorkflowFormat
    # How many nodes it has, those in definitions of subgraphs included.
    nodes: int
    created_at: datetime

    @property
    def content(self) -> int:
        """The first version with this content."""
        return self.restores or self.number


@dataclass(frozen=True, kw_only=True)
class Head:
    """A document in lists: its newest version."""

    id: str
    version: Version


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A version with its content."""

    id: str
    version: Version
    document: Json


@dataclass(frozen=True, kw_only=True)
class DocumentChanged:
    """Event: a document has a new version, or is gone."""

    id: str
    # None: it was deleted.
    version: Version | None


def new_id() -> str:
    return uuid.uuid4().hex
