"""Several files with one call: a repository, a folder, a version, or some files of either."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from backend.core.errors import AppError, Forbidden, InvalidRequest
from backend.core.names import tame_name
from backend.downloads.models import FileRequest
from backend.downloads.schemas import BatchReport, BatchRequest, Refusal
from backend.downloads.service import Downloads
from backend.sources.api_errors import as_api_errors
from backend.sources.listing import view_of
from backend.sources.models import Access, Look, Offer
from backend.sources.service import Sources
from backend.storage.service import Storage


class Batches:
    """Looks at an address and asks for what is there."""

    def __init__(self, downloads: Downloads, sources: Sources, storage: Storage):
        self._downloads = downloads
        self._sources = sources
        self._storage = storage

    async def look_and_request(self, request: BatchRequest) -> BatchReport:
        """Nothing is asked for when the address, the licence or the choice of files is not right."""
        with as_api_errors():
            look = await self._sources.look(request.url)
        if look.access == Access.LICENCE_NEEDED:
            raise Forbidden(view_of(look).message or "", code="gated")
        wanted = [_wanted(offer, look, request) for offer in _chosen(look, request)]
        _check_places(wanted)
        return await self.request(wanted)

    async def request(self, wanted: Sequence[FileRequest]) -> BatchReport:
        """Ask for each. OutOfSpace unless all of them fit; what is refused for itself stops no other."""
        absent = await asyncio.to_thread(lambda: [file for file in wanted if not self._is_here(file)])
        await self._downloads.check_room(file.bytes or 0 for file in absent)
        report = BatchReport(transfers=[], refused=[])
        for file in wanted:
            try:
                transfer = await self._downloads.request(file)
            except AppError as error:
                report.refused.append(Refusal(filename=file.filename or file.url, message=error.message))
            else:
                report.transfers.append(self._downloads.view(transfer))
        return report

    def _is_here(self, file: FileRequest) -> bool:
        return file.filename is not None and self._storage.size_of(file.folder, file.filename) is not None


def _chosen(look: Look, request: BatchRequest) -> Sequence[Offer]:
    if request.paths is None:
        return look.offers
    by_path = {offer.path: offer for offer in look.offers}
    unknown = [path for path in request.paths if path not in by_path]
    if unknown:
        raise InvalidRequest(f"There is no {unknown[0][:200]} at {look.title}.", code="unknown_path")
    return [by_path[path] for path in request.paths]


def _wanted(offer: Offer, look: Look, request: BatchRequest) -> FileRequest:
    path = PurePosixPath(offer.path or "")
    folder = request.folder or offer.folder
    if not folder:
        raise InvalidRequest(
            f"Nothing tells which model folder {path.name} belongs in. Choose one as `folder`.",
            code="folder_needed",
        )
    if request.keep_folders:
        folder = f"{folder}/{path.parent.relative_to(look.root)}".removesuffix("/.")
    return FileRequest(
        url=offer.url,
        folder=folder,
        filename=tame_name(path.name),
        sha256=offer.facts.sha256,
        bytes=offer.facts.bytes,
        allow_pickle=request.allow_pickle,
    )


def _check_places(wanted: Sequence[FileRequest]) -> None:
    """Two files of one name would overwrite each other, if we let them."""
    places = Counter((file.folder, file.filename) for file in wanted)
    taken = [filename for (_, filename), count in places.items() if count > 1]
    if taken:
        raise InvalidRequest(
            f"There are several files called {taken[0]}. Keep the folders, or choose some of them.",
            code="same_name",
        )
