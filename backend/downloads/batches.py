"""Requests several files at once: a repository, a folder, a version, or some files of these."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from backend.core.errors import AppError, Forbidden, InvalidRequest
from backend.core.names import safe_name
from backend.downloads.destinations import exists
from backend.downloads.models import FileRequest
from backend.downloads.schemas import BatchReport, BatchRequest, Refusal
from backend.downloads.service import Downloads
from backend.sources.api_errors import as_api_errors
from backend.sources.listing import required_action
from backend.sources.models import Access, Listing, RemoteFile
from backend.sources.service import Sources
from backend.storage.service import Storage


class Batches:
    """Lists the files that a URL refers to and requests them."""

    def __init__(self, downloads: Downloads, sources: Sources, storage: Storage):
        self._downloads = downloads
        self._sources = sources
        self._storage = storage

    async def request_url(self, request: BatchRequest) -> BatchReport:
        """Request the files of a URL. Nothing is requested when the URL, the licence or the choice is invalid."""
        with as_api_errors():
            listing = await self._sources.listing(request.url)
        if listing.access == Access.LICENCE_NEEDED:
            raise Forbidden(required_action(listing) or "", code="gated")
        requests = [_file_request(file, listing, request) for file in _chosen(listing, request)]
        _check_destinations(requests)
        return await self.request(requests)

    async def request(self, requests: Sequence[FileRequest]) -> BatchReport:
        """Request each file. Raise OutOfSpace unless all fit. A file that is refused does not stop the others."""
        missing = await asyncio.to_thread(
            lambda: [request for request in requests if not self._is_installed(request)]
        )
        await self._downloads.space.check(request.bytes or 0 for request in missing)
        report = BatchReport(transfers=[], refused=[])
        for request in requests:
            try:
                transfer = await self._downloads.request(request)
            except AppError as error:
                report.refused.append(
                    Refusal(filename=request.filename or request.url, message=error.message)
                )
            else:
                report.transfers.append(self._downloads.view(transfer))
        return report

    def _is_installed(self, request: FileRequest) -> bool:
        try:
            return request.filename is not None and exists(self._storage, request.folder, request.filename)
        except InvalidRequest:
            return False  # refused when it is requested


def _chosen(listing: Listing, request: BatchRequest) -> Sequence[RemoteFile]:
    if request.paths is None:
        return listing.files
    by_path = {file.path: file for file in listing.files}
    unknown = [path for path in request.paths if path not in by_path]
    if unknown:
        raise InvalidRequest(f"{listing.title} has no file {unknown[0][:200]}.", code="unknown_path")
    return [by_path[path] for path in request.paths]


def _file_request(file: RemoteFile, listing: Listing, request: BatchRequest) -> FileRequest:
    path = PurePosixPath(file.path or "")
    folder = request.folder or file.folder
    if not folder:
        raise InvalidRequest(
            f"The model folder of {path.name} is unknown. Choose one as `folder`.",
            code="folder_needed",
        )
    if request.keep_folders:
        folder = f"{folder}/{path.parent.relative_to(listing.root)}".removesuffix("/.")
    return FileRequest(
        url=file.url,
        folder=folder,
        filename=safe_name(path.name),
        sha256=file.metadata.sha256,
        bytes=file.metadata.bytes,
        allow_pickle=request.allow_pickle,
    )


def _check_destinations(requests: Sequence[FileRequest]) -> None:
    """Raise InvalidRequest when two files would get the same destination."""
    destinations = Counter((request.folder, request.filename) for request in requests)
    shared = [filename for (_, filename), count in destinations.items() if count > 1]
    if shared:
        raise InvalidRequest(
            f"There are several files called {shared[0]}. Keep the folders, or choose some of the files.",
            code="same_name",
        )
