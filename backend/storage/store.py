"""Store file hashes and the file index in the database."""

import contextlib
import json
from collections.abc import Iterable
from typing import Any

from backend.core.database import Database, Value
from backend.core.errors import CannotRecord
from backend.core.queries import as_json, queries_beside
from backend.storage.models import ModelFile
from backend.storage.scan import Directories, Directory

SQL = queries_beside(__file__)

# Size, modification time and inode: a hash is valid while they stay the same.
_State = tuple[int, int, int]


async def prepare(database: Database) -> None:
    """Create the tables of both stores."""
    await database.migrate("storage", SQL.migrations)


class HashStore:
    """Hashes of files. A hash is valid until its file changes.

    All hashes are in memory as well, because lists show them for thousands of files.
    """

    def __init__(self, database: Database):
        self._database = database
        self._hashes: dict[str, tuple[_State, str]] = {}
        self._unsaved: set[str] = set()
        # Grows with every hash.
        self.revision = 0

    async def load(self) -> None:
        for path, *state, sha256 in await self._database.fetch_all(SQL.all_hashes):
            self._hashes[path] = ((state[0], state[1], state[2]), sha256)

    def get(self, file: ModelFile) -> str | None:
        """Return the hash unless the file has changed since."""
        state, sha256 = self._hashes.get(f"{file.directory}/{file.filename}", (None, None))
        return sha256 if state == file.state else None

    def of(self, files: Iterable[ModelFile]) -> dict[ModelFile, str]:
        """Return the known hashes of these files."""
        return {file: sha256 for file in files if (sha256 := self.get(file))}

    async def set(self, file: ModelFile, sha256: str) -> None:
        """Store the hash. If the database cannot be written, keep it in memory and save it later."""
        path = f"{file.directory}/{file.filename}"
        self._hashes[path] = (file.state, sha256)
        self._unsaved.add(path)
        self.revision += 1
        await self.save()

    async def save(self) -> None:
        """Write the hashes that could not be written earlier."""
        paths = self._unsaved.copy()
        with contextlib.suppress(CannotRecord):
            await self._database.execute_many(SQL.save_hash, [self._row(path) for path in paths])
            self._unsaved -= paths

    def _row(self, path: str) -> dict[str, Value]:
        (size, mtime_ns, inode), sha256 = self._hashes[path]
        return {"path": path, "bytes": size, "mtime_ns": mtime_ns, "inode": inode, "sha256": sha256}

    def paths_of(self, sha256: str) -> list[str]:
        """Return the paths that had this content. The files may have changed since."""
        return [path for path, (_, known) in self._hashes.items() if known == sha256]


class DirectoryStore:
    """A file index as the last process saved it."""

    def __init__(self, database: Database, index: str):
        """`index` is the name under which it is saved."""
        self._database = database
        self._index = index

    async def all(self) -> Directories:
        rows = await self._database.fetch_all(SQL.all_directories, {"index": self._index})
        loaded = (_directory_of(json.loads(row["path"]), json.loads(row["content"])) for row in rows)
        return {directory.path: directory for directory in loaded}

    async def save(self, before: Directories, now: Directories) -> None:
        """Write the differences between two states of the index."""
        changed = [directory for path, directory in now.items() if before.get(path) is not directory]
        removed = [json.dumps(path) for path in before.keys() - now.keys()]
        if not changed and not removed:
            return
        async with self._database.transaction():
            await self._database.execute(
                SQL.remove_directories, {"index": self._index, "paths": as_json(removed)}
            )
            rows = [
                {"index": self._index, "path": json.dumps(entry.path), "content": _content_of(entry)}
                for entry in changed
            ]
            await self._database.execute_many(SQL.save_directory, rows)


def _content_of(directory: Directory) -> str:
    """Return ASCII JSON, which also preserves names that are not UTF-8."""
    return json.dumps(
        {
            "folder": directory.folder,
            "linked": directory.linked,
            "in_workspace": directory.in_workspace,
            "mtime_ns": directory.mtime_ns,
            "scanned_ns": directory.scanned_ns,
            "files": [[file.filename, *file[3:]] for file in directory.files],
            "subdirectories": directory.subdirectories,
            "links": sorted(directory.links),
        },
        separators=(",", ":"),
    )


def _directory_of(path: str, content: dict[str, Any]) -> Directory:
    folder = content["folder"]
    return Directory(
        path=path,
        folder=folder,
        linked=content["linked"],
        in_workspace=content["in_workspace"],
        mtime_ns=content["mtime_ns"],
        scanned_ns=content["scanned_ns"],
        files=tuple(ModelFile(path, name, folder, *state) for name, *state in content["files"]),
        subdirectories=tuple(content["subdirectories"]),
        links=frozenset(content["links"]),
    )
