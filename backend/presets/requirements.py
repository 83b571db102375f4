"""What a workflow from somewhere needs: which files, where each can be had, which nodes are missing."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

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
from backend.presets.service import Presets, wanted_of
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
    """A file, while we find out about it."""

    filename: str
    folder: str | None
    node_types: set[str] = field(default_factory=set)
    switched_off: bool = True

    @property
    def place(self) -> str:
        return f"{self.folder}/{self.filename}"


class Requirements:
    """Compares workflows with this pod, and fetches what they lack."""

    def __init__(self, presets: Presets, downloads: Downloads, storage: Storage, comfy: ComfyClient):
        self._presets = presets
        self._downloads = downloads
        self._storage = storage
        self._comfy = comfy

    async def of(self, content: bytes) -> WorkflowRequirements:
        """Read a workflow, from JSON or from a picture, and look at this pod."""
        workflow = await asyncio.to_thread(read_requirements, content)
        types = await self._node_types(workflow)
        files = [file for file, _ in await self._files(workflow, types or {})]
        fetchable = [file for file in files if file.state == Availability.FETCHABLE and not file.switched_off]
        return WorkflowRequirements(
            files=files,
            bytes_to_fetch=sum(file.bytes or 0 for file in fetchable),
            sizes_unknown=sum(file.bytes is None for file in fetchable),
            free=await self._presets.room(),
            nodes_checked=types is not None,
            missing_nodes=[] if types is None else _missing(workflow, types),
        )

    async def fetch(self, content: bytes, *, allow_pickle: bool = False) -> FetchReport:
        """Ask for everything that the workflow lacks and that can be had."""
        workflow = await asyncio.to_thread(read_requirements, content)
        files = await self._files(workflow, await self._node_types(workflow) or {})
        wanted = [(file, source) for file, source in files if file.can_be_got and source]
        check_consent((source.file for _, source in wanted), allow_pickle=allow_pickle)
        fetchable = [file for file, _ in wanted if file.state == Availability.FETCHABLE]
        await self._downloads.check_room(file.bytes or 0 for file in fetchable)
        report = FetchReport(transfers=[], linked=[], refused=[])
        for file, source in wanted:
            if file.state == Availability.SAME_CONTENT and await self._linked(file, source):
                report.linked.append(file.filename)
            else:
                await self._ask_for(source, report, allow_pickle=allow_pickle)
        return report

    async def _files(
        self, workflow: GraphRequirements, types: dict[str, NodeType]
    ) -> list[tuple[RequiredFile, _Source | None]]:
        """Every file of the workflow with its whereabouts, and who tells where it can be had."""
        needed = _needed(workflow, await self._folders(workflow, types))
        sources = [self._source(entry, workflow) for entry in needed]
        known = iter(await self._presets.known([source.file for source in sources if source], ask=True))
        presence = await installed_files_of(self._storage)
        coming = {t.destination: t.id for t in await self._downloads.list() if t.state in UNFINISHED}
        placed = [
            self._placed(entry, source, next(known) if source else None, presence, coming)
            for entry, source in zip(needed, sources, strict=True)
        ]
        return list(zip(await asyncio.gather(*placed), sources, strict=True))

    async def _node_types(self, workflow: GraphRequirements) -> dict[str, NodeType] | None:
        """What ComfyUI knows of the workflow's nodes; None when it does not answer."""
        try:
            return await self._comfy.node_types.describe(workflow.node_types, fresh=True)
        except ComfyError:
            return None

    async def _folders(
        self, workflow: GraphRequirements, types: dict[str, NodeType]
    ) -> dict[ModelChoice, str | None]:
        """The model folder of each choice, from whoever can tell."""
        folders = {choice: self._folder(choice, workflow) for choice in workflow.choices}
        unknown = [
            choice for choice, folder in folders.items() if folder is None and choice.node_type in types
        ]
        if unknown:
            offered = await self._offered()
            folders |= {
                choice: _folder_by_menu(choice, types[choice.node_type], offered) for choice in unknown
            }
        return {choice: _below(folder, choice.subfolder) for choice, folder in folders.items()}

    def _folder(self, choice: ModelChoice, workflow: GraphRequirements) -> str | None:
        declared = workflow.declared.get(choice.filename)
        if declared:
            return declared.folder
        named = {file.folder for _, file in self._presets.catalogue.files_named(choice.filename)}
        return folder_of(choice.node_type, choice.widget) or (named.pop() if len(named) == 1 else None)

    async def _offered(self) -> dict[frozenset[str], str]:
        """ComfyUI's model folders by what each holds; empty ones cannot be told apart."""
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
        presence: InstalledFiles,
        coming: dict[str, str],
    ) -> RequiredFile:
        file = _described(needed, source, known)
        on_pod = presence.files.values()
        same_place = presence.files.get(needed.place)
        if same_place and known and presence.other(known.file):
            return file.model_copy(update={"state": Availability.OTHER, "found_at": same_place.place})
        if same_place:
            return file.model_copy(update={"state": Availability.HERE, "bytes": same_place.bytes})
        same_content = await self._presets.same_content(known.file, on_pod) if known else None
        if same_content:
            return file.model_copy(
                update={"state": Availability.SAME_CONTENT, "found_at": same_content.place}
            )
        if needed.place in coming:
            transfer = coming[needed.place]
            return file.model_copy(update={"state": Availability.COMING, "transfer": transfer})
        same_name = next((entry for entry in on_pod if _may_be(entry, file)), None)
        if same_name:
            return file.model_copy(update={"state": Availability.SAME_NAME, "found_at": same_name.place})
        return file.model_copy(update={"state": Availability.FETCHABLE}) if known else file

    def _source(self, needed: _Needed, workflow: GraphRequirements) -> _Source | None:
        """Who tells where the file can be had: its own workflow first, then the catalogue."""
        offers = self._presets.catalogue.files_named(needed.filename)
        declared = workflow.declared.get(needed.filename)
        if declared:
            known = [file for _, file in offers if str(file.url) == declared.url]
            file = _file_of(needed, declared, known)
            if file:
                return _Source(file=file, named_by=FROM_WORKFLOW)
        head = (needed.folder or "").partition("/")[0]
        fitting = [(preset, file) for preset, file in offers if file.folder.partition("/")[0] == head]
        fitting.sort(key=lambda offer: offer[1].sha256 is None)
        if not fitting:
            return None
        preset, file = fitting[0]
        return _Source(file=file.model_copy(update={"folder": needed.folder}), named_by=preset.id)

    async def _linked(self, file: RequiredFile, source: _Source) -> bool:
        known = {"sha256": file.sha256, "bytes": file.bytes}
        return await self._presets.linked(source.file.model_copy(update=known))

    async def _ask_for(self, source: _Source, report: FetchReport, *, allow_pickle: bool) -> None:
        """One file that cannot be had must not keep the others from being fetched."""
        preset = None if source.named_by == FROM_WORKFLOW else source.named_by
        try:
            transfer = await self._downloads.request(
                wanted_of(source.file, preset, allow_pickle=allow_pickle)
            )
            report.transfers.append(self._downloads.view(transfer))
        except AppError as error:
            report.refused.append(Refusal(filename=source.file.filename, message=error.message))


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
    """One entry per file, in the order of the workflow. Who does not know the folder asks who does."""
    known = {choice.filename: folder for choice, folder in folders.items() if folder}
    found: dict[tuple[str | None, str], _Needed] = {}
    for choice in workflow.choices:
        folder = folders[choice] or known.get(choice.filename)
        needed = found.setdefault((folder, choice.filename), _Needed(filename=choice.filename, folder=folder))
        needed.node_types.add(choice.node_type)
        needed.switched_off &= choice.switched_off
    return list(found.values())


def _missing(workflow: GraphRequirements, types: dict[str, NodeType]) -> list[MissingNode]:
    """Kinds of nodes that ComfyUI does not know.

    Packages also have nodes that live in the browser only. When ComfyUI knows one node of a package,
    the package is installed, and what it does not know is of that sort.
    """
    installed = {workflow.node_types[name] for name in types} - {None}
    return [
        MissingNode(type=name, package=package)
        for name, package in sorted(workflow.node_types.items())
        if name not in types and package not in installed
    ]


def _folder_by_menu(choice: ModelChoice, node: NodeType, offered: dict[frozenset[str], str]) -> str | None:
    """A menu that offers exactly what a model folder holds was read from that folder."""
    menus = node.menus
    chosen: Iterable[tuple[str, ...]] = [menus[choice.widget]] if choice.widget in menus else menus.values()
    kinds = {
        offered.get(frozenset(menu)) for menu in chosen if any(is_model_file(option) for option in menu)
    } - {None}
    return kinds.pop() if len(kinds) == 1 else None


def _below(folder: str | None, subfolder: str) -> str | None:
    """The folder as we write it, or None when it is none of ComfyUI's."""
    try:
        return clean_folder(f"{folder}/{subfolder}") if folder else None
    except InvalidRequest:
        return None


def _file_of(needed: _Needed, declared: DeclaredModel, known: list[PresetFile]) -> PresetFile | None:
    """What the workflow says about the file, with what the catalogue knows about the same address."""
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
    """Whether a file of that name may be the one that is needed."""
    return entry.filename == file.filename and file.bytes in (None, entry.bytes)
