"""Custom nodes from the Comfy Registry: an archive per version, unpacked as ComfyUI-Manager does it."""

import json
import os
import shutil
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from scripts.nodes import folders
from scripts.nodes.checkout import Prepare, draft_of
from scripts.nodes.errors import NodeError

ENDPOINT = "https://api.comfy.org"
SECONDS = 60.0
LARGEST_ANSWER = 2**20
# Of the archive, and of what is in it.
LARGEST_ARCHIVE = 500 * 10**6
LARGEST_NODE = 2 * 10**9
MOST_FILES = 20_000
CHUNK = 2**20
NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Release:
    """One version of a node in the registry."""

    version: str
    url: str


def find_release(node_id: str, version: str, environment: Mapping[str, str]) -> Release:
    """Return a version of a node, or the newest for an empty one. Raise NodeError when the registry has none."""
    endpoint = environment.get("COMFY_REGISTRY_URL") or ENDPOINT
    query = f"?version={quote(version)}" if version else ""
    answer = _json(f"{endpoint.rstrip('/')}/nodes/{quote(node_id)}/install{query}", node_id)
    url, found = answer.get("downloadUrl"), answer.get("version")
    if (
        not isinstance(url, str)
        or urlsplit(url).scheme not in ("http", "https")
        or not isinstance(found, str)
    ):
        raise NodeError(f"The registry has no archive of {node_id} {version}.".replace("  ", " "))
    return Release(version=found, url=url)


def install(release: Release, target: Path, prepare: Prepare) -> None:
    """Unpack a version to `target`, with its packages. Raise NodeError when it fails; nothing is left then."""
    draft = draft_of(target)
    try:
        _unpack(release, draft)
        prepare(draft)
        draft.rename(target)
    except OSError as error:
        raise NodeError(f"{target.name} cannot be written to the volume: {error.strerror}.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def update(release: Release, node: Path, prepare: Prepare) -> bool:
    """Replace a node by another version. Files that are not the registry's stay. Return False if it is that version."""
    if folders.registry_version(node) == release.version:
        return False
    draft = draft_of(node)
    try:
        _unpack(release, draft)
        _keep_own_files(node, draft)
        prepare(draft)
        folders.replace(node.parent, draft, node.name)
    except OSError as error:
        raise NodeError(f"{node.name} cannot be written to the volume: {error.strerror}.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


def _unpack(release: Release, draft: Path) -> None:
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    archive = draft / ".archive.zip"
    _download(release.url, archive)
    try:
        with zipfile.ZipFile(archive) as content:
            names = _checked(content)
            content.extractall(draft)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise NodeError(f"The archive of version {release.version} cannot be read: {error}.") from None
    archive.unlink()
    (draft / folders.TRACKING).write_text("\n".join(names))


def _checked(content: zipfile.ZipFile) -> list[str]:
    """Return the names in an archive that writes below its folder only, and not without limit."""
    entries = content.infolist()
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > LARGEST_NODE:
        raise NodeError("The archive is too large for a custom node.")
    for entry in entries:
        path, kind = PurePosixPath(entry.filename), entry.external_attr >> 16
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or stat.S_ISLNK(kind):
            raise NodeError(f"The archive has a file outside its folder: {entry.filename[:100]}.")
    return [entry.filename for entry in entries]


def _keep_own_files(node: Path, draft: Path) -> None:
    """Link files that the node or its user has made into the new version."""
    try:
        shipped = set((node / folders.TRACKING).read_text().splitlines())
    except OSError:
        shipped = set()
    for path in node.rglob("*"):
        relative = path.relative_to(node)
        ours = (
            path.name == folders.TRACKING or relative.as_posix() in shipped or "__pycache__" in relative.parts
        )
        target = draft / relative
        if ours or path.is_dir() or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target, follow_symlinks=False)
        except OSError:
            shutil.copy2(path, target, follow_symlinks=False)


def _json(url: str, node_id: str) -> dict[str, Any]:
    try:
        with _open(url) as response:
            answer = json.loads(response.read(LARGEST_ANSWER))
    except HTTPError as error:
        if error.code == NOT_FOUND:
            raise NodeError(f"The registry has no node {node_id}, or not that version of it.") from None
        raise NodeError(f"The registry answered {error.code}. Try again later.") from None
    except (OSError, ValueError) as error:
        raise NodeError(f"The registry cannot be reached: {error}.") from None
    return answer if isinstance(answer, dict) else {}


def _download(url: str, archive: Path) -> None:
    received = 0
    try:
        with _open(url) as response, archive.open("wb") as file:
            while chunk := response.read(CHUNK):
                received += len(chunk)
                if received > LARGEST_ARCHIVE:
                    raise NodeError("The archive is too large for a custom node.")
                file.write(chunk)
    except (OSError, ValueError) as error:
        raise NodeError(f"The archive cannot be downloaded: {error}.") from None


def _open(url: str) -> Any:
    """Open an address of http or https."""
    return urlopen(Request(url, headers={"User-Agent": "comfypod"}), timeout=SECONDS)  # noqa: S310 - the caller's to check
