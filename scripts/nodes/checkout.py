"""Puts a custom node on the volume at one commit, and moves it to another one.

A new node is complete before it gets its name. A kill at any time leaves either the old state, or a folder that ComfyUI does
not load and the next attempt removes.
"""

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from scripts.nodes.errors import NodeError
from scripts.nodes.git import Git

# Inside `.git` while files are being exchanged; contains the commit before.
UPDATING = "comfypod-updating"

# Installs the packages of a checkout. Raises NodeError.
Prepare = Callable[[Path], None]


def install(git: Git, repository: str, commit: str, target: Path, prepare: Prepare) -> None:
    """Clone `repository` at `commit` (empty: its default branch) to `target`, with its packages. Raise NodeError when it fails."""
    draft = draft_of(target)
    _remove(draft)
    try:
        draft.mkdir(parents=True)
        git.run(draft, "init", "--quiet")
        git.run(draft, "remote", "add", "origin", repository)
        _switch(git, draft, _fetch(git, draft, commit))
        prepare(draft)
        draft.rename(target)
    except OSError as error:
        raise NodeError(f"{target.name} cannot be written to the volume: {error.strerror}.") from None
    finally:
        _remove(draft)


def draft_of(target: Path) -> Path:
    """Return where a node is put together.

    Hidden, and disabled for ComfyUI and its Manager. As deep as the node itself, for scripts that look for ComfyUI above.
    """
    return target.with_name(f".{target.name}.installing.disabled")


def update(git: Git, folder: Path, commit: str, prepare: Prepare) -> bool:
    """Move a checkout to `commit` (empty: the newest of its default branch). Return False if it is there already.

    Files that git does not track stay. Raise NodeError when it fails; the checkout is then at its old commit.
    """
    mark = folder / ".git" / UPDATING
    branch = "" if commit else git.ask(folder, "branch", "--show-current")
    before = head(git, folder)
    if mark.is_file():  # killed while files were exchanged
        before = mark.read_text().strip() or before
        (folder / ".git" / "index.lock").unlink(missing_ok=True)
    else:
        _check_unchanged(git, folder, branch)
    wanted = _fetch(git, folder, commit)
    if wanted == before and not mark.exists():
        return False
    mark.write_text(before)
    try:
        _switch(git, folder, wanted, branch)
        prepare(folder)
    except NodeError:
        _switch(git, folder, before, branch)
        mark.unlink(missing_ok=True)
        raise
    mark.unlink(missing_ok=True)
    return True


def _check_unchanged(git: Git, folder: Path, branch: str) -> None:
    """Raise NodeError when an update would lose work of the user."""
    if changes := local_changes(git, folder):
        raise NodeError(
            f"{folder.name} has local changes ({changes}). Commit or undo them, then update again."
        )
    if branch and not git.ask(folder, "branch", "--remotes", "--contains", "HEAD"):
        raise NodeError(
            f"The branch {branch} of {folder.name} has commits of its own. Update it with git in a terminal."
        )


def is_checkout(folder: Path) -> bool:
    return (folder / ".git").exists()


def head(git: Git, folder: Path) -> str:
    return git.ask(folder, "rev-parse", "HEAD")


def local_changes(git: Git, folder: Path) -> str:
    """Return the first changed file that git tracks, or an empty text."""
    changed = git.ask(
        folder, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=untracked"
    )
    return changed.splitlines()[0].strip() if changed else ""


def origin(git: Git, folder: Path) -> str:
    """Return the address of the checkout's repository; empty where it has none."""
    with suppress(NodeError):
        return git.ask(folder, "config", "--get", "remote.origin.url")
    return ""


def is_same_repository(one: str, other: str) -> bool:
    return _normalised(one) == _normalised(other)


def _normalised(address: str) -> str:
    """`git@github.com:O/N.git` and `https://github.com/o/n` are one repository."""
    address = re.sub(r"^(\w+://)?([^/@]*@)?", "", address.strip())
    return address.replace(":", "/").removesuffix("/").removesuffix(".git").lower()


def _fetch(git: Git, folder: Path, commit: str) -> str:
    """Fetch a commit, or the default branch, and return its id. One that is here already needs no network."""
    if commit and _has(git, folder, commit):
        return commit
    # History that a user has fetched stays complete.
    is_complete = git.ask(folder, "rev-parse", "--is-shallow-repository") == "false" and _has(
        git, folder, "HEAD"
    )
    depth = () if is_complete else ("--depth", "1")
    try:
        git.run(folder, "fetch", "--quiet", *depth, "origin", commit or "HEAD")
    except NodeError:
        if not commit:
            raise
        # Some servers give single commits only by the name of a branch or a tag.
        git.run(folder, "fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
        if not _has(git, folder, commit):
            raise NodeError(f"{origin(git, folder)} has no commit {commit}.") from None
        return commit
    return git.ask(folder, "rev-parse", "--verify", "FETCH_HEAD^{commit}")


def _has(git: Git, folder: Path, commit: str) -> bool:
    with suppress(NodeError):
        git.ask(folder, "cat-file", "-e", f"{commit}^{{commit}}")
        return True
    return False


def _switch(git: Git, folder: Path, commit: str, branch: str = "") -> None:
    """Change the files to those of the commit; a branch moves along."""
    if branch:
        git.run(folder, "reset", "--quiet", "--hard", commit)
    else:
        git.run(folder, "checkout", "--quiet", "--force", "--detach", commit)
    if (folder / ".gitmodules").is_file():
        git.run(folder, "submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
