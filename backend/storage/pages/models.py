"""HTML routes of storage: the list of models, the trash, and the folders as a tree."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core import clock
from backend.core.formatting import format_bytes
from backend.storage.classification import KINDS, Classification, Kind
from backend.storage.dependencies import (
    ClassifierService,
    StorageService,
    UsersOfModels,
    VerificationsService,
    details_of,
)
from backend.storage.index import Snapshot
from backend.storage.listing import Filters, Order, listed, view_of
from backend.storage.models import Deleted, ModelFile
from backend.storage.trash.dependencies import TrashService
from backend.storage.tree import tree_of
from backend.web import htmx
from backend.web.caching import Body, Responses
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

SHOWN = 100
MAX_SHOWN = 5000
TREE: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])

Show = Literal["", "unused", "duplicate", "wrong", "unverified", "partial", "quarantined", "trash"]


class StorageForm(BaseModel):
    """The search, the filters and the order of the page."""

    q: str = Field(default="", max_length=200)
    folder: str = Field(default="", max_length=200)
    show: Show = ""
    order: Order = "size"
    # How many are on the page; it grows as the user scrolls.
    shown: int = Field(default=SHOWN, ge=1, le=MAX_SHOWN)

    @property
    def kind(self) -> Kind | None:
        return next((kind for kind in KINDS if kind == self.show), None)


@dataclass(frozen=True)
class StoragePage:
    """Shows the models that match, or the trash."""

    request: Request
    storage: StorageService
    users: UsersOfModels
    classifier: ClassifierService
    verifications: VerificationsService
    trash: TrashService

    async def revision(self) -> Hashable:
        """Return a value that changes whenever the page looks different. It shows ages in minutes."""
        await self.storage.snapshot()  # the revision is up to date after it
        return (
            self.storage.revision,
            self.users.revision(),
            await self.storage.disk_now(),
            await self.storage.unfinished(),
            await self.trash.items(),
            self.verifications.revision,
            int(clock.now().timestamp() // 60),
        )

    async def body(self, form: StorageForm) -> Body:
        snapshot, unfinished = await self.storage.snapshot(), await self.storage.unfinished()
        kinds = await self.classifier.classification(self.storage, self.users)
        overview = await self.storage.overview()
        view = {
            "disk": overview.disk,
            "usage": sorted(overview.folders, key=lambda folder: -folder.bytes),
            "files": len(snapshot.files),
            "form": form,
            "counts": kinds.counts(),
            "partial": [file for file in unfinished if not _is_quarantined(file)],
            "quarantined": [file for file in unfinished if _is_quarantined(file)],
            "trashed": await self.trash.items(),
            "trash_days": self.trash.days,
            "trash_bytes": overview.trash.bytes,
            "more": form.shown + SHOWN,
            "reading": self.verifications.is_active,
        }
        view |= await self._models(snapshot, kinds, form)
        template = "storage/_models.html" if htmx.wants_fragment(self.request) else "storage/page.html"
        return Body(renderer_of(self.request).render(self.request, template, view))

    async def _models(self, snapshot: Snapshot, kinds: Classification, form: StorageForm) -> dict[str, Any]:
        filters = Filters(order=form.order, q=form.q, folder=form.folder)
        found = await asyncio.to_thread(listed, snapshot, self.storage.models, filters)
        if kind := form.kind:
            found = [file for file in found if kinds.has(kind, file)]
        shown = found[: form.shown]
        details = await details_of(shown, self.storage, self.users)
        return {
            "found": len(found),
            "bytes": sum(file.bytes for file in found),
            "shown": [
                (view_of(file, self.storage.models, details), details.uses.get(file.place, []))
                for file in shown
            ],
        }


@router.get("/storage")
async def show(
    page: Annotated[StoragePage, Depends()], cache: Responses, form: Annotated[StorageForm, Query()]
) -> Response:
    return await cache.page(page.request, await page.revision(), lambda: page.body(form))


@router.get("/storage/disk")
async def show_disk(request: Request, storage: StorageService) -> Response:
    return renderer_of(request).page(request, "storage/_disk.html", {"disk": await storage.disk_now()})


@router.get("/storage/tree")
async def show_tree(request: Request, storage: StorageService, cache: Responses) -> Response:
    """Return the folders and their largest files, for the treemap."""
    snapshot = await storage.snapshot()

    async def build() -> Body:
        return Body(TREE.dump_json(await asyncio.to_thread(tree_of, snapshot, storage.models)))

    return await cache.json(request, storage.revision, build)


@router.delete("/storage/models/{path:path}")
async def delete(path: str, storage: StorageService) -> Response:
    deleted = await storage.delete(path)
    response = htmx.with_event(Response(status_code=204), "models-changed")
    return htmx.with_toast(response, "success", _message(deleted))


def _is_quarantined(file: ModelFile) -> bool:
    return file.filename.endswith(".mismatch.part")


def _message(deleted: Deleted) -> str:
    name = deleted.file.filename
    if deleted.freed:
        return f"Deleted {name}, {format_bytes(deleted.freed)}."
    return f"Deleted {name}. No space is freed: the same content stays on disk under another name."
