"""Where job files and their results are. Nothing leads out of the workspace."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from backend.jobs.folder.config import GlobalConfig
from backend.jobs.folder.names import MEDIA_TYPES, InvalidJobFile

NOTE = ".error.txt"
RECORD = ".result.json"
CONFIG = "global_config.yaml"
CONFIG_PATHS = (CONFIG, f"config/{CONFIG}")


@dataclass(frozen=True, kw_only=True)
class FolderLayout:
    workspace: Path
    processing: Path
    finished: Path

    @classmethod
    def of(cls, workspace: Path, config: GlobalConfig) -> "FolderLayout":
        """Raise InvalidJobFile when the configuration names a folder outside of the workspace."""
        return cls(
            workspace=workspace,
            processing=_inside(workspace, config.paths.jobs_processing, "paths.jobs_processing"),
            finished=_inside(workspace, config.paths.jobs_finished, "paths.jobs_finished"),
        )

    def create_folders(self) -> None:
        for folder in (self.processing, self.finished):
            for media_type in MEDIA_TYPES:
                (folder / media_type).mkdir(parents=True, exist_ok=True)

    def output(self, job_type: str, file_path: str) -> Path:
        """Return the path that the first output gets, its suffix apart.

        A bare name is below the folder of finished jobs, a path below the workspace. One that ends in `/` is a folder.
        """
        path = file_path.strip()
        is_name = "/" not in path
        target = _inside(self.finished / job_type if is_name else self.workspace, path, "outputs.file_path")
        root = self.workspace.resolve()
        if not target.is_relative_to(root):
            raise _outside("outputs.file_path", file_path)
        if any(part.startswith(".") for part in target.relative_to(root).parts):
            raise InvalidJobFile(
                f"outputs.file_path: `{file_path[:200]}` has a part that begins with a dot. Choose another one."
            )
        return target


def _inside(folder: Path, path: str, field: str) -> Path:
    """Return the real path, links followed. Raise InvalidJobFile when it is outside of `folder`.

    An absolute path is taken as it is, and checked in the same way.
    """
    if "\0" in path or not PurePosixPath(path).parts:
        raise InvalidJobFile(f"{field}: this is no path.")
    root = folder.resolve()
    try:
        target = (root / path).resolve()
    except (OSError, RuntimeError):
        raise _outside(field, path) from None
    if not target.is_relative_to(root) or target == root:
        raise _outside(field, path)
    return target


def _outside(field: str, path: str) -> InvalidJobFile:
    return InvalidJobFile(f"{field}: `{path[:200]}` is not inside the workspace. Use a path below it.")


def note_of(file: Path) -> Path:
    """Return where the reason is written why the job file `file` is not run."""
    return file.with_name(file.name + NOTE)
