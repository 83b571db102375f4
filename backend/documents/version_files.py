"""The versions of documents as files on the volume: `DOCUMENT/NUMBER.json.gz`.

A file has two lines: the version, and its content. It is never changed. Its name can be taken only once, by whichever pod
is first, so that two pods on one volume cannot both write version 7. Blocking; call it in a thread.
"""

import gzip
import json
import os
import re
import secrets
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from backend.core.errors import CannotRecord, Conflict, NotFound
from backend.core.files import rename_without_clobbering, sync_folder
from backend.documents.models import Head, Stored, Version
from backend.workflows.graph import Json
from backend.workflows.parsing import MAX_BYTES

VERSION = TypeAdapter(Version)
ID = re.compile(r"[0-9a-f]{32}")
FILE = re.compile(r"([1-9][0-9]{0,5})\.json\.gz")
DELETED = ".deleted-"
MAX_VERSIONS = 1000
MAX_HEADER = 20_000
# JSON with escapes may be longer than what was read.
MAX_DOCUMENT = 4 * MAX_BYTES


class VersionFiles:
    def __init__(self, folder: Path):
        self._folder = folder

    def modified(self) -> dict[str, int]:
        """Return every document, with the time at which its newest version was added."""
        try:
            with os.scandir(self._folder) as entries:
                return {entry.name: entry.stat().st_mtime_ns for entry in entries if ID.fullmatch(entry.name)}
        except FileNotFoundError:
            return {}

    def numbers(self, document_id: str) -> list[int]:
        """Return the versions of a document, oldest first. Raise NotFound when there is none."""
        folder = self._folder_of(document_id)
        try:
            names = os.listdir(folder)  # noqa: PTH208 - paths of a thousand files cost more than their names
        except (FileNotFoundError, NotADirectoryError):
            raise _no_document(document_id) from None
        found = sorted(int(match[1]) for match in map(FILE.fullmatch, names) if match)
        if not found:
            raise _no_document(document_id)
        return found

    def head(self, document_id: str) -> Head:
        number = self.numbers(document_id)[-1]
        return Head(id=document_id, version=self.version(document_id, number))

    def version(self, document_id: str, number: int) -> Version:
        """Return a version without its content."""
        return _parsed(_lines(self._path(document_id, number), content=False)[0], number)

    def read(self, document_id: str, number: int | None = None) -> Stored:
        """Return a version with its content; the newest one for None."""
        number = self.numbers(document_id)[-1] if number is None else number
        header, content = _lines(self._path(document_id, number), content=True)
        try:
            document = json.loads(content)
        except ValueError:
            raise _unreadable(number) from None
        return Stored(id=document_id, version=_parsed(header, number), document=document)

    def add(self, document_id: str, version: Version, document: Json) -> None:
        """Write a version. Raise Conflict when there is one with its number."""
        if version.number > MAX_VERSIONS:
            raise Conflict(
                f"The workflow has {MAX_VERSIONS} versions, the most that are kept. Copy it and continue with the copy.",
                code="too_many_versions",
            )
        folder = self._folder_of(document_id)
        content = VERSION.dump_json(version) + b"\n" + json.dumps(document, ensure_ascii=False).encode()
        try:
            if version.number == 1:
                folder.mkdir(parents=True)
                sync_folder(self._folder)
            self._write(folder, version.number, content)
        except FileExistsError:
            raise changed_meanwhile(version.number) from None
        except FileNotFoundError:
            raise _no_document(document_id) from None
        except OSError as error:
            raise CannotRecord(
                f"The workflow cannot be saved on the volume: {error.strerror or error}. "
                "Check whether the volume is full or read-only, then try again."
            ) from error

    def delete(self, document_id: str) -> None:
        """Delete a document with all its versions."""
        folder = self._folder_of(document_id)
        gone = self._folder / f"{DELETED}{secrets.token_hex(8)}"
        try:
            folder.rename(gone)  # at once, so that no half of it is left
        except FileNotFoundError:
            raise _no_document(document_id) from None
        except OSError as error:
            raise CannotRecord(f"The workflow cannot be deleted: {error.strerror or error}.") from error
        shutil.rmtree(gone, ignore_errors=True)

    def remove_leftovers(self) -> None:
        """Delete what an interrupted deletion has left."""
        for folder in self._folder.glob(f"{DELETED}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _write(self, folder: Path, number: int, content: bytes) -> None:
        draft = folder / f".{number}.{secrets.token_hex(4)}.tmp"
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - Path.open takes no mode
                file.write(gzip.compress(content, compresslevel=3, mtime=0))
                file.flush()
                os.fsync(file.fileno())
            rename_without_clobbering(draft, folder / f"{number}.json.gz")
        finally:
            draft.unlink(missing_ok=True)

    def _folder_of(self, document_id: str) -> Path:
        if not ID.fullmatch(document_id):
            raise _no_document(document_id)
        return self._folder / document_id

    def _path(self, document_id: str, number: int) -> Path:
        path = self._folder_of(document_id) / f"{number}.json.gz"
        if not path.is_file():
            known = self.numbers(document_id)
            raise NotFound(f"The workflow has no version {number}. Its versions are 1 to {known[-1]}.")
        return path


def changed_meanwhile(number: int) -> Conflict:
    return Conflict(
        f"The workflow was changed meanwhile: version {number} is there already. Load it and apply your change to it.",
        code="workflow_changed",
    )


def _lines(path: Path, *, content: bool) -> tuple[bytes, bytes]:
    try:
        with gzip.open(path) as file:
            header = file.readline(MAX_HEADER)
            return header, _bounded(file) if content else b""
    except (OSError, EOFError, zlib.error):
        raise _unreadable(int(path.name.partition(".")[0])) from None


def _bounded(file: gzip.GzipFile) -> bytes:
    content = file.read(MAX_DOCUMENT + 1)
    if len(content) > MAX_DOCUMENT:
        raise EOFError("larger than any workflow")
    return content


def _parsed(header: bytes, number: int) -> Version:
    try:
        return VERSION.validate_json(header)
    except ValidationError:
        raise _unreadable(number) from None


def _unreadable(number: int) -> NotFound:
    return NotFound(f"Version {number} of the workflow cannot be read: its file on the volume is damaged.")


def _no_document(document_id: str) -> NotFound:
    return NotFound(f"There is no workflow {document_id[:64]}. It may have been deleted.")


def versions_before(
    files: VersionFiles, document_id: str, before: int | None, limit: int
) -> Iterator[Version]:
    """Yield versions, newest first, as far as they can be read."""
    numbers = [number for number in files.numbers(document_id) if before is None or number < before]
    for number in reversed(numbers[-limit:]):
        yield files.version(document_id, number)
