"""Find out what a workflow needs: its files, where they are available, and which nodes are missing."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.comfy.node_types import NodeType
from backend.core.errors import AppError, InvalidRequest
from backend.core.names import clean_folder
from backend.downloads.models import UNFINISHED
from backend.downloads.schemas import Refusal
from backend.downloads.service import Downloads
from backend.presets.consent import check_consent
from backend.presets.installed_files import InstalledFiles, installed_files_of
from backend.presets.models import KnownFile, PresetFile
from backend.presets.schemas import Availability, FetchReport, MissingNode, RequiredFile, WorkflowRequirements
from backend.presets.service import Presets, request_of
from backend.sources.formats import format_of
from backend.storage.models import ModelFile
from backend.storage.service import Storage
from backend.workflows.model_folders import folder_of
from backend.workflows.requirements import (
    DeclaredModel,
    GraphRequirements,
    ModelChoice,
    is_model_file,
    read_requirements,
)

FROM_WORKFLOW = "workflow"


@dataclass(frozen=True, kw_only=True)
class _Source:
    file: PresetFile
    named_by: str


@dataclass(kw_only=True)
class _Needed:
    """A file that the workflow needs, before it is compared with the pod."""

    filename: str
    folder: str | None
    node_types: set[str] = field(default_factory=set)
    switched_off: bool = True

    @property
    def place(self) -> str:
        return f"{self.folder}/{self.filename}"


class Requirements:
    """Compares workflows with this pod, and downloads what they lack."""

    def __init__(self, presets: Presets, downloads: Downloads, storage: Storage, comfy: ComfyClient):
        self._presets = presets
        self._downloads = downloads
        self._storage = storage
        self._comfy = comfy

    async def of(self, content: bytes) -> WorkflowRequirements:
        """Read a workflow and compare it with this pod."""
        workflow = await asyncio.to_thread(read_requirements, content)
        types = await self._node_types(workflow)
        files = [file for file, _ in await self._files(workflow, types or {})]
        fetchable = [file for file in files if file.state == Availability.FETCHABLE and not file.switched_off]
        return WorkflowRequirements(
            files=files,
            bytes_to_fetch=sum(file.bytes or 0 for file in fetchable),
            sizes_unknown=sum(file.bytes is None for file in fetchable),
            free=await self._presets.free_space(),
            nodes_checked=types is not None,
            missing_nodes=[] if types is None else _missing(workflow, types),
        )

    async def fetch(self, content: bytes, *, allow_pickle: bool = False) -> FetchReport:
        """Queue every available file that the workflow lacks."""
        workflow = await asyncio.to_thread(read_requirements, content)
        files = await self._files(workflow, await self._node_types(workflow) or {})
        return await self._fetch(files, allow_pickle=allow_pickle)

    async def missing(self, workflow: GraphRequirements) -> list[RequiredFile]:
        """Return the files without which the workflow cannot run.

        A file that ComfyUI offers for an input is there, wherever it is. One that is not a choice of any menu and has no
        known source is left out: it may be a name for something that the workflow writes.
        """
        return [file for file, _ in await self._missing(workflow)]

    async def fetch_missing(self, workflow: GraphRequirements, *, allow_pickle: bool = False) -> FetchReport:
        """Queue every available file of those that are missing."""
        return await self._fetch(await self._missing(workflow), allow_pickle=allow_pickle)

    async def _missing(self, workflow: GraphRequirements) -> list[tuple[RequiredFile, _Source | None]]:
        if not workflow.choices:
            return []
        await self._presets.catalogue.until_loaded()
        choosing: dict[str, str | None] = {choice.node_type: None for choice in workflow.choices}
        types = await self._node_types(replace(workflow, node_types=choosing)) or {}
        open_choices = [
            choice
            for choice in workflow.choices
            if not choice.switched_off and choice.value not in (_menu_of(choice, types) or ())
        ]
        if not open_choices:
            return []
        refused = {choice.filename for choice in open_choices if _menu_of(choice, types) is not None}
        files = await self._files(replace(workflow, choices=open_choices), types)
        return [(file, source) for file, source in files if _is_missing(file, refused)]

    async def _fetch(
        self, files: list[tuple[RequiredFile, _Source | None]], *, allow_pickle: bool
    ) -> FetchReport:
        requested = [(file, source) for file, source in files if file.can_be_got and source]
        check_consent((source.file for _, source in requested), allow_pickle=allow_pickle)
        fetchable = [file for file, _ in requested if file.state == Availability.FETCHABLE]
        await self._downloads.space.check(file.bytes or 0 for file in fetchable)
        report = FetchReport(transfers=[], linked=[], refused=[])
        for file, source in requested:
            if file.state == Availability.SAME_CONTENT and await self._linked(file, source):
                report.linked.append(file.filename)
            else:
                await self._queue(source, report, allow_pickle=allow_pickle)
        return report

    async def _files(
        self, workflow: GraphRequirements, types: dict[str, NodeType]
    ) -> list[tuple[RequiredFile, _Source | None]]:
        """Return every file of the workflow with its availability and its source."""
        needed = _needed(workflow, await self._folders(workflow, types))
        await self._storage.look_again([entry.place for entry in needed if entry.folder])
        sources = [self._source(entry, workflow) for entry in needed]
        known = iter(await self._presets.known([source.file for source in sources if source], ask=True))
        installed = await installed_files_of(self._storage)
        downloading = {t.destination: t.id for t in await self._downloads.list() if t.state in UNFINISHED}
        placed = [
            self._placed(entry, source, next(known) if source else None, installed, downloading)
            for entry, source in zip(needed, sources, strict=True)
        ]
        return list(zip(await asyncio.gather(*placed), sources, strict=True))

    async def _node_types(self, workflow: GraphRequirements) -> dict[str, NodeType] | None:
        """Return the node types that ComfyUI has; None when it does not answer."""
        try:
            return await self._comfy.node_types.describe(workflow.node_types, fresh=True)
        except ComfyError:
            return None

    async def _folders(
        self, workflow: GraphRequirements, types: dict[str, NodeType]
    ) -> dict[ModelChoice, str | None]:
        """Return the model folder of each choice, from the workflow, the catalogue or ComfyUI."""
        folders = {choice: self._folder(choice, workflow) for choice in workflow.choices}
        unknown = [
            choice for choice, folder in folders.items() if folder is None and choice.node_type in types
        ]
        if unknown:
            by_content = await self._folders_by_content()
            folders |= {
                choice: _folder_by_menu(choice, types[choice.node_type], by_content) for choice in unknown
            }
        return {choice: _below(folder, choice.subfolder) for choice, folder in folders.items()}

    def _folder(self, choice: ModelChoice, workflow: GraphRequirements) -> str | None:
        declared = workflow.declared.get(choice.filename)
        if declared:
            return declared.folder
        named = {file.folder for _, file in self._presets.catalogue.files_named(choice.filename)}
        return folder_of(choice.node_type, choice.widget) or (named.pop() if len(named) == 1 else None)

    async def _folders_by_content(self) -> dict[frozenset[str], str]:
        """Return ComfyUI's model folders by their content; empty ones are left out, because they are all alike."""
        try:
            kinds = await self._comfy.models.kinds()
            listed = await asyncio.gather(*(self._comfy.models.files(kind) for kind in kinds))
        except ComfyError:
            return {}
        return {frozenset(names): kind for kind, names in zip(kinds, listed, strict=True) if names}

    async def _placed(
        self,
        needed: _Needed,
        source: _Source | None,
        known: KnownFile | None,
        installed: InstalledFiles,
        downloading: dict[str, str],
    ) -> RequiredFile:
        file = _described(needed, source, known)
        on_pod = installed.files.values()
        same_place = installed.files.get(needed.place)
        if same_place and known and installed.other(known.file):
            return file.model_copy(update={"state": Availability.OTHER, "found_at": same_place.place})
        if same_place:
            return file.model_copy(update={"state": Availability.HERE, "bytes": same_place.bytes})
        same_content = await self._presets.same_content(known.file, on_pod) if known else None
        if same_content:
            return file.model_copy(
                update={"state": Availability.SAME_CONTENT, "found_at": same_content.place}
            )
        if needed.place in downloading:
            transfer = downloading[needed.place]
            return file.model_copy(update={"state": Availability.COMING, "transfer": transfer})
        same_name = next((entry for entry in on_pod if _may_be(entry, file)), None)
        if same_name:
            return file.model_copy(update={"state": Availability.SAME_NAME, "found_at": same_name.place})
        return file.model_copy(update={"state": Availability.FETCHABLE}) if known else file

    def _source(self, needed: _Needed, workflow: GraphRequirements) -> _Source | None:
        """Return the source of a file: its own workflow first, then the catalogue."""
        sources = self._presets.catalogue.files_named(needed.filename)
        declared = workflow.declared.get(needed.filename)
        if declared:
            known = [file for _, file in sources if str(file.url) == declared.url]
            file = _file_of(needed, declared, known)
            if file:
                return _Source(file=file, named_by=FROM_WORKFLOW)
        head = (needed.folder or "").partition("/")[0]
        matching = [(preset, file) for preset, file in sources if file.folder.partition("/")[0] == head]
        matching.sort(key=lambda source: source[1].sha256 is None)
        if not matching:
            return None
        preset, file = matching[0]
        return _Source(file=file.model_copy(update={"folder": needed.folder}), named_by=preset.id)

    async def _linked(self, file: RequiredFile, source: _Source) -> bool:
        known = {"sha256": file.sha256, "bytes": file.bytes}
        return await self._presets.linked(source.file.model_copy(update=known))

    async def _queue(self, source: _Source, report: FetchReport, *, allow_pickle: bool) -> None:
        """Queue one file; an error must not keep the others from being downloaded."""
        preset = None if source.named_by == FROM_WORKFLOW else source.named_by
        try:
            transfer = await self._downloads.request(
                request_of(source.file, preset, allow_pickle=allow_pickle)
            )
            report.transfers.append(self._downloads.view(transfer))
        except AppError as error:
            report.refused.append(Refusal(filename=source.file.filename, message=error.message))


def _menu_of(choice: ModelChoice, types: dict[str, NodeType]) -> list[str] | None:
    """Return what ComfyUI offers for the input, with its separators as ours; None where that is unknown."""
    node = types.get(choice.node_type)
    menu = node.menus.get(choice.widget or "") if node else None
    return None if menu is None else [option.replace("\\", "/") for option in menu]


def _is_missing(file: RequiredFile, refused: set[str]) -> bool:
    """`refused` are the names that ComfyUI has a menu for, in which they are not."""
    if file.state == Availability.HERE:
        return False
    obtainable = (Availability.FETCHABLE, Availability.SAME_CONTENT, Availability.COMING)
    return file.state in obtainable or file.filename in refused


def _described(needed: _Needed, source: _Source | None, known: KnownFile | None) -> RequiredFile:
    file = known.file if known else None
    return RequiredFile(
        filename=needed.filename,
        format=format_of(needed.filename),
        scan=known.scan if known else None,
        folder=needed.folder,
        node_types=sorted(needed.node_types),
        switched_off=needed.switched_off,
        state=Availability.UNKNOWN,
        url=str(file.url) if file else None,
        host=file.host if file else None,
        named_by=source.named_by if source else None,
        bytes=file.bytes if file else None,
        sha256=file.sha256 if file else None,
    )


def _needed(workflow: GraphRequirements, folders: dict[ModelChoice, str | None]) -> list[_Needed]:
    """Return one entry per file, in the order of the workflow. Nodes that use the same file share its folder."""
    known = {choice.filename: folder for choice, folder in folders.items() if folder}
    found: dict[tuple[str | None, str], _Needed] = {}
    for choice in workflow.choices:
        folder = folders[choice] or known.get(choice.filename)
        needed = found.setdefault((folder, choice.filename), _Needed(filename=choice.filename, folder=folder))
        needed.node_types.add(choice.node_type)
        needed.switched_off &= choice.switched_off
    return list(found.values())


def _missing(workflow: GraphRequirements, types: dict[str, NodeType]) -> list[MissingNode]:
    """Return the node types that ComfyUI does not have.

    Some nodes of a package exist in the browser only. When ComfyUI has one node of a package, the package is installed,
    and the missing ones are of this kind.
    """
    installed = {workflow.node_types[name] for name in types} - {None}
    return [
        MissingNode(type=name, package=package)
        for name, package in sorted(workflow.node_types.items())
        if name not in types and package not in installed
    ]


def _folder_by_menu(choice: ModelChoice, node: NodeType, by_content: dict[frozenset[str], str]) -> str | None:
    """Return the folder whose files are exactly the options of a menu of the node."""
    menus = node.menus
    chosen: Iterable[tuple[str, ...]] = [menus[choice.widget]] if choice.widget in menus else menus.values()
    kinds = {
        by_content.get(frozenset(menu)) for menu in chosen if any(is_model_file(option) for option in menu)
    } - {None}
    return kinds.pop() if len(kinds) == 1 else None


def _below(folder: str | None, subfolder: str) -> str | None:
    """Return the cleaned path of the folder, or None when it is not a model folder."""
    try:
        return clean_folder(f"{folder}/{subfolder}") if folder else None
    except InvalidRequest:
        return None


def _file_of(needed: _Needed, declared: DeclaredModel, known: list[PresetFile]) -> PresetFile | None:
    """Return the file that the workflow declares, completed from the catalogue's file with the same URL."""
    catalogued = known[0] if known else None
    try:
        return PresetFile.model_validate(
            {
                "folder": needed.folder or "",
                "filename": needed.filename,
                "url": declared.url,
                "sha256": declared.sha256 or (catalogued and catalogued.sha256),
                "bytes": catalogued and catalogued.bytes,
            }
        )
    except ValidationError:
        return None


def _may_be(entry: ModelFile, file: RequiredFile) -> bool:
    """Return whether a file of that name can be the one that is needed."""
    return entry.filename == file.filename and file.bytes in (None, entry.bytes)
