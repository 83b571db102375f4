"""A git repository on this machine that stands for one on the internet."""

import subprocess
from pathlib import Path

IDENTITY = ("-c", "user.name=Author", "-c", "user.email=author@example.com", "-c", "commit.gpgsign=false")


class GitRepository:
    """A bare repository with an address, and the commits that a test makes in it."""

    def __init__(self, folder: Path):
        self.bare = folder / f"{folder.name}.git"
        self._work = folder / "work"
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git(folder, "clone", "--quiet", str(self.bare), str(self._work))

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    def commit(self, files: dict[str, str], tag: str = "") -> str:
        """Add a commit with these files, and return its id."""
        for name, content in files.items():
            path = self._work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        git(self._work, "add", "--all")
        git(self._work, "commit", "--quiet", "--allow-empty", "--message", "Change")
        git(self._work, "push", "--quiet", "origin", "HEAD:main")
        if tag:
            git(self._work, "tag", tag)
            git(self._work, "push", "--quiet", "origin", tag)
        return git(self._work, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
