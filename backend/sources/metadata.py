"""Sizes and hashes before the click: asked of the hubs once per repository or version, remembered on disk."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

import structlog
from pydantic import TypeAdapter, ValidationError

from backend.core import clock
from backend.core.files import write_atomically
from backend.sources.civitai import Civitai
from backend.sources.errors import TemporaryError, TransferError
from backend.sources.hugging_face import GIT_SHA1, HuggingFace
from backend.sources.models import FileMetadata
from backend.sources.references import CivitaiFile, Endpoints, HubFile, place_of
from backend.sources.tokens import Hub

log = structlog.get_logger(__name__)

GOOD_FOR = timedelta(days=1)  # a branch moves; a commit never does
ASK_AGAIN_SECONDS = 300  # after a hub did not answer
AT_ONCE = 4


@dataclass(frozen=True)
class Question:
    """One call to a hub."""

    # A repository of Hugging Face, or the site of a Civitai version.
    repo: str
    # A branch or commit, or the number of the version.
    revision: str
    hub: Hub = Hub.HUGGING_FACE


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """The answer to a question, as it lies on disk."""

    question: Question
    asked_at: datetime
    # By path; those of Civitai by what tells them apart, the primary one first.
    files: dict[str, FileMetadata]

    def file_of(self, place: HubFile | CivitaiFile) -> FileMetadata | None:
        if isinstance(place, HubFile):
            return self.files.get(place.path)
        return next((facts for key, facts in self.files.items() if place.is_met_by(parse_qsl(key))), None)

    @property
    def is_fresh(self) -> bool:
        return bool(GIT_SHA1.match(self.question.revision)) or clock.now() - self.asked_at < GOOD_FOR


ON_DISK = TypeAdapter(Remembered)
# The addresses that each question is about, with what they stand for.
FileRequest: TypeAlias = dict[Question, dict[str, HubFile | CivitaiFile]]


class HubMetadata:
    """What hubs publish about the files at addresses; plain web servers publish nothing.

    Answers what it knows when a hub is away: an address that nothing is known of is simply missing from
    the answer. Nothing here raises for a hub's sake.
    """

    def __init__(self, hugging_face: HuggingFace, civitai: Civitai, folder: Path):
        self._hugging_face = hugging_face
        self._civitai = civitai
        self._endpoints = Endpoints(hugging_face=hugging_face.endpoint, civitai=civitai.endpoint)
        self._folder = folder
        self._memory: dict[Question, Remembered | None] = {}
        self._asking: dict[Question, asyncio.Task[None]] = {}
        self._not_before: dict[Question, float] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def of(self, urls: Iterable[str], *, refresh: bool = False) -> dict[str, FileMetadata]:
        """Facts by address. Asks, one call per repository, for what is unknown or a day old.

        `refresh` asks for everything again, also what is fresh.
        """
        wanted = self._grouped(urls)
        await self._recall(wanted)
        await asyncio.gather(
            *(self._ask(question) for question in wanted if refresh or self._is_due(question))
        )
        return self._answers(wanted)

    async def known(self, urls: Iterable[str]) -> dict[str, FileMetadata]:
        """Facts by address, as far as they are remembered. Never asks, so it is fit for a page's first sight."""
        wanted = self._grouped(urls)
        await self._recall(wanted)
        return self._answers(wanted)

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _grouped(self, urls: Iterable[str]) -> FileRequest:
        grouped: FileRequest = defaultdict(dict)
        for url in urls:
            match place_of(url, self._endpoints):
                case HubFile() as place:
                    grouped[Question(place.repo, place.revision)][url] = place
                case CivitaiFile() as place:
                    grouped[Question(place.site, str(place.version), Hub.CIVITAI)][url] = place
        return grouped

    def _answers(self, wanted: FileRequest) -> dict[str, FileMetadata]:
        return {
            url: facts
            for question, addresses in wanted.items()
            if (remembered := self._memory.get(question))
            for url, place in addresses.items()
            if (facts := remembered.file_of(place))
        }

    def _is_due(self, question: Question) -> bool:
        remembered = self._memory.get(question)
        return not (remembered and remembered.is_fresh) and time.monotonic() >= self._not_before.get(
            question, 0
        )

    async def _ask(self, question: Question) -> None:
        """One call, however many people want it at the same time."""
        task = self._asking.get(question)
        if task is None:
            task = self._asking[question] = asyncio.create_task(self._ask_hub(question))
            task.add_done_callback(lambda _: self._asking.pop(question, None))
        await asyncio.shield(task)

    async def _ask_hub(self, question: Question) -> None:
        async with self._places:
            try:
                files = await self._files(question)
            except TransferError as fault:
                self._rest(question, fault)
                return
        remembered = Remembered(question=question, asked_at=clock.now(), files=files)
        self._memory[question] = remembered
        await asyncio.to_thread(self._write, remembered)

    async def _files(self, question: Question) -> dict[str, FileMetadata]:
        if question.hub == Hub.HUGGING_FACE:
            return (await self._hugging_face.repository(question.repo, question.revision)).files
        version = await self._civitai.version(question.repo, int(question.revision))
        return {urlencode(file.properties): file.facts for file in version.primary_first}

    def _rest(self, question: Question, fault: TransferError) -> None:
        wait = fault.wait if isinstance(fault, TemporaryError) else None
        self._not_before[question] = time.monotonic() + max(wait or 0.0, ASK_AGAIN_SECONDS)
        log.info("a hub told nothing about a repository", repo=question.repo, code=fault.code)

    async def _recall(self, questions: Iterable[Question]) -> None:
        unread = [question for question in questions if question not in self._memory]
        if unread:
            self._memory |= await asyncio.to_thread(
                lambda: {question: self._read(question) for question in unread}
            )

    def _read(self, question: Question) -> Remembered | None:
        try:
            remembered = ON_DISK.validate_json(self._path_of(question).read_bytes())
        except (OSError, ValidationError):
            return None
        return remembered if remembered.question == question else None

    def _write(self, remembered: Remembered) -> None:
        """Memory is enough for now when the disk is full."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path_of(remembered.question), ON_DISK.dump_json(remembered))
        except OSError:
            log.warning("what a hub told could not be kept", repo=remembered.question.repo)

    def _path_of(self, question: Question) -> Path:
        digest = sha256(f"{question.repo} {question.revision}".encode()).hexdigest()
        return self._folder / f"{digest[:32]}.json"
