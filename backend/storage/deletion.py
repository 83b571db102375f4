"""Delete model files. `delete` is the only function that does so, and never deletes outside the workspace."""

import os
import stat
from pathlib import Path, PurePosixPath

from backend.core.errors import Conflict, NotFound
from backend.core.files import open_directory, sync_folder
from backend.core.model_folders import current_name
from backend.storage.models import Deleted, ModelFile
from backend.storage.scan import is_below, look_at


def find(models: Path, path: str) -> ModelFile:
    """Return the current state of the model at `path` below the workspace's model folder. Raise NotFound without one."""
    parts = PurePosixPath(path).parts
    if len(parts) > 1 and not {"..", "/"} & set(parts):
        file = look_at(models.joinpath(*parts), current_name("/".join(parts[:-1])), models)
        if file:
            return file
    raise NotFound(f"There is no model at {path[:300]}.", path=path[:300])


def find_deletable(models: Path, path: str) -> ModelFile:
    """Return the model at `path`. Raise Conflict when a link leads outside the workspace."""
    file = find(models, path)
    if not file.in_workspace:
        raise Conflict(f"{path} is outside the workspace. Delete it where it is stored.", code="elsewhere")
    return file


def delete(models: Path, path: str) -> Deleted:
    """Delete the model at `path`. Raise Conflict when a link leads outside the workspace. Blocks for disk accesses."""
    file = find_deletable(models, path)
    with open_directory(file.directory) as directory:
        # The path may have changed meanwhile; this open directory is the one from which the name is removed.
        if not is_below(f"/proc/self/fd/{directory}", os.path.realpath(models)):
            raise Conflict(
                f"{path} is outside the workspace. Delete it where it is stored.", code="elsewhere"
            )
        try:
            was_link = stat.S_ISLNK(os.lstat(file.filename, dir_fd=directory).st_mode)
            os.unlink(file.filename, dir_fd=directory)
        except FileNotFoundError:
            raise NotFound(f"There is no model at {path}.", path=path) from None
    sync_folder(file.path.parent)
    return Deleted(file=file, freed=0 if file.links > 1 or was_link else file.bytes)
