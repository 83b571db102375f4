"""Move model files to other folders, and replace copies by hard links. Blocks for disk accesses."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from backend.core.errors import Conflict
from backend.core.files import rename_without_clobbering, sync_folder
from backend.storage.deletion import find_deletable
from backend.storage.models import ModelFile
from backend.storage.scan import look_at


def move(models: Path, path: str, folder: str) -> tuple[Path, Path]:
    """Move the model at `path` into another folder of the workspace. Return the old and the new path."""
    file = find_deletable(models, path)
    target = models / folder / file.filename
    if target == file.path:
        raise Conflict(f"{path} is in {folder} already.", code="same_folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        rename_without_clobbering(file.path, target)
    except FileExistsError:
        raise Conflict(f"{folder} already contains {file.filename}.", code="file_exists") from None
    except OSError as error:
        raise Conflict(f"{path} cannot be moved: {error.strerror}.", code="cannot_move") from None
    sync_folder(file.path.parent)
    return file.path, target


def link_copies(models: Path, hashes: Mapping[ModelFile, str]) -> tuple[list[Path], int]:
    """Let files of the same content share its bytes. Return the paths that changed and the bytes that were freed.

    Each name stays. A file that has changed since it was hashed is left alone.
    """
    groups: dict[str, list[ModelFile]] = defaultdict(list)
    for file, sha256 in hashes.items():
        if file.in_workspace and not file.path.is_symlink():
            groups[sha256].append(file)
    changed: list[Path] = []
    freed = 0
    for files in groups.values():
        original, *copies = sorted(files, key=lambda file: (file.mtime_ns, file.place))
        for copy in copies:
            if copy.inode != original.inode and _replace(models, copy, original):
                changed.append(copy.path)
                freed += copy.bytes if copy.links == 1 else 0
    return changed, freed


def _replace(models: Path, copy: ModelFile, original: ModelFile) -> bool:
    """Replace a copy by a hard link to the original, atomically."""
    for file in (copy, original):
        now = look_at(file.path, file.folder, models)
        if now is None or now.state != file.state:
            return False
    draft = copy.path.with_name(f".{copy.filename}.{secrets.token_hex(4)}.tmp")
    try:
        draft.hardlink_to(original.path)
        draft.replace(copy.path)
    except OSError:  # no hard links here, or two file systems
        draft.unlink(missing_ok=True)
        return False
    sync_folder(copy.path.parent)
    return True


def freed_by(files: Iterable[ModelFile]) -> int:
    """Return what deleting these files frees: a content only when none of its hard links remains, and then once."""
    groups: dict[int, list[ModelFile]] = defaultdict(list)
    for file in files:
        if file.in_workspace and not file.path.is_symlink():
            groups[file.inode].append(file)
    return sum(names[0].bytes for names in groups.values() if len(names) >= names[0].links)
