"""Documents as users and other features handle them: create, look, patch, undo, revert, compare, delete."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from backend.activity.service import Activity
from backend.auth.principal import current_principal
from backend.core import clock
from backend.core.errors import CannotRecord, Conflict
from backend.core.events import EventBus
from backend.documents.models import DocumentChanged, Head, Stored, Version, new_id
from backend.documents.node_types import NodeTypeSource
from backend.documents.store import DocumentIndex
from backend.documents.version_files import VersionFiles, changed_meanwhile, versions_before
from backend.workflows.graph import Json, Workflow
from backend.workflows.patch import (
    AddNode,
    Change,
    Connect,
    Operation,
    ReplaceNode,
    SetInput,
    as_text,
    compare,
    patch,
)
from backend.workflows.reader import workflow_of

# What these do depends on what the node types declare.
NEED_TYPES = (AddNode, Connect, ReplaceNode, SetInput)


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The newest version, and what makes it different from the one before."""

    head: Head
    changes: tuple[Change, ...]

    @property
    def text(self) -> str:
        return as_text(self.changes)


class Documents:
    """Every version is on the volume before it is returned or published."""

    def __init__(
        self,
        files: VersionFiles,
        index: DocumentIndex,
        node_types: NodeTypeSource,
        activity: Activity,
        events: EventBus,
    ):
        self._files = files
        self._index = index
        self._node_types = node_types
        self._activity = activity
        self._events = events

    # Looking

    async def page(
        self, words: Iterable[str], limit: int, before: tuple[str, str] | None = None
    ) -> list[Head]:
        """Return documents, the last changed one first."""
        return await self._index.newest(words, limit, before)

    async def get(self, document_id: str, number: int | None = None) -> Stored:
        """Return a version; the newest one for None. Raise NotFound when there is none."""
        return await asyncio.to_thread(self._files.read, document_id, number)

    async def head(self, document_id: str) -> Head:
        return await asyncio.to_thread(self._files.head, document_id)

    async def versions(self, document_id: str, limit: int, before: int | None = None) -> list[Version]:
        """Return versions, newest first."""
        return await asyncio.to_thread(lambda: list(versions_before(self._files, document_id, before, limit)))

    async def compare(self, document_id: str, before: int, after: int | None) -> tuple[Change, ...]:
        """Return the changes from one version to another."""
        old, new = await self.get(document_id, before), await self.get(document_id, after)
        return await asyncio.to_thread(compare, old.document, new.document)

    # Changing

    async def create(self, workflow: Workflow, name: str, reason: str) -> Head:
        """Save a workflow as the first version of a new document."""
        version = _version(workflow, number=1, name=name, reason=reason)
        return await self._save(new_id(), version, workflow.document, "workflow.created")

    async def patch(
        self, document_id: str, base: int, operations: Iterable[Operation], reason: str
    ) -> Changed:
        """Apply all operations to version `base`, or none. Raise Conflict when it is not the newest version."""
        stored = await self._newest(document_id, base)
        operations = tuple(operations)
        info = await self._types_for(stored.document, operations)
        patched = await asyncio.to_thread(patch, stored.document, operations, info)
        if not patched.changes:
            return Changed(head=Head(id=document_id, version=stored.version), changes=())
        reason = reason or as_text(patched.changes).partition("\n")[0]
        head = await self._follow(stored, patched.document, reason)
        return Changed(head=head, changes=patched.changes)

    async def replace(self, document_id: str, base: int, document: Json, reason: str) -> Changed:
        """Save a whole document as the next version, as an editor does."""
        stored = await self._newest(document_id, base)
        workflow = await asyncio.to_thread(workflow_of, document)
        changes = await asyncio.to_thread(compare, stored.document, workflow.document)
        if not changes:
            return Changed(head=Head(id=document_id, version=stored.version), changes=())
        return Changed(head=await self._follow(stored, workflow.document, reason or "Saved"), changes=changes)

    async def undo(self, document_id: str, base: int) -> Changed:
        """Restore the version that the newest one was made from. Undoing again goes one more step back."""
        newest = await self._newest(document_id, base)
        content = await asyncio.to_thread(self._files.version, document_id, newest.version.content)
        if content.parent is None:
            raise Conflict("This is the first version, so nothing can be undone.", code="nothing_to_undo")
        return await self._restore(newest, content.parent, f"Undo version {content.number}")

    async def revert(self, document_id: str, base: int, number: int, reason: str = "") -> Changed:
        """Make a new version with the content of an earlier one."""
        newest = await self._newest(document_id, base)
        return await self._restore(newest, number, reason or f"Revert to version {number}")

    async def delete(self, document_id: str) -> None:
        head = await self.head(document_id)
        await asyncio.to_thread(self._files.delete, document_id)
        with contextlib.suppress(CannotRecord):  # the next refresh removes it
            await self._index.remove([document_id])
        self._activity.note("workflow.deleted", head.version.name, id=document_id)
        self._events.publish(DocumentChanged(id=document_id, version=None))

    async def _restore(self, newest: Stored, number: int, reason: str) -> Changed:
        wanted = await self.get(newest.id, number)
        changes = await asyncio.to_thread(compare, newest.document, wanted.document)
        if not changes:
            return Changed(head=Head(id=newest.id, version=newest.version), changes=())
        head = await self._follow(newest, wanted.document, reason, restores=wanted.version.content)
        return Changed(head=head, changes=changes)

    async def _newest(self, document_id: str, base: int) -> Stored:
        stored = await self.get(document_id)
        if stored.version.number != base:
            raise changed_meanwhile(stored.version.number)
        return stored

    async def _follow(self, base: Stored, document: Json, reason: str, restores: int | None = None) -> Head:
        workflow = await asyncio.to_thread(workflow_of, document)
        version = _version(
            workflow,
            number=base.version.number + 1,
            parent=base.version.number,
            restores=restores,
            name=base.version.name,
            reason=reason,
        )
        return await self._save(base.id, version, document, "workflow.changed")

    async def _save(self, document_id: str, version: Version, document: Json, kind: str) -> Head:
        head = Head(id=document_id, version=version)
        await asyncio.to_thread(self._files.add, document_id, version, document)
        with contextlib.suppress(CannotRecord):  # the next refresh adds it
            await self._index.save([(head, 0)])
        self._activity.note(kind, version.name, id=document_id, version=version.number, reason=version.reason)
        self._events.publish(DocumentChanged(id=document_id, version=version))
        return head

    async def _types_for(self, document: Json, operations: Iterable[Operation]) -> Json:
        """Return what ComfyUI says about the types in question; without it where no operation needs it."""
        asked = [operation for operation in operations if isinstance(operation, NEED_TYPES)]
        added = {operation.type for operation in asked if isinstance(operation, AddNode | ReplaceNode)}
        if not asked:
            return {}
        return await self._node_types.of(await asyncio.to_thread(workflow_of, document), added)


def _version(
    workflow: Workflow,
    *,
    number: int,
    name: str,
    reason: str,
    parent: int | None = None,
    restores: int | None = None,
) -> Version:
    return Version(
        number=number,
        parent=parent,
        restores=restores,
        name=name,
        author=current_principal().label,
        reason=reason,
        format=workflow.format,
        nodes=sum(1 for _ in workflow.all_nodes),
        created_at=clock.now(),
    )
