"""Installs Debian packages. Their files are kept on the volume, so that a new pod installs them without a network."""

import hashlib
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.workspace.child import new_output, run_child

LOCAL_ARCHIVES = Path("/var/cache/comfypod/apt")
LOCK_SECONDS = 120
QUERY_SECONDS = 30.0
LONGEST_REASON = 400
INSTALL = ("install", "--yes", "--no-install-recommends")
OPTIONS = (
    "--quiet",
    *("-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}"),
    *("-o", "Dpkg::Use-Pty=0"),
    # A changed configuration file stays as it is; no user is there to ask.
    *("-o", "Dpkg::Options::=--force-confold"),
    # The archives are in a folder that apt's own user cannot read.
    *("-o", "APT::Sandbox::User=root"),
)


@dataclass(frozen=True, kw_only=True)
class Apt:
    """apt-get, with the package files on the volume in `cache`."""

    cache: Path
    environment: Mapping[str, str]
    deadline: float
    output: deque[str]

    def install(self, packages: Sequence[str]) -> str | None:
        """Install what is missing, from the volume first. Return None, or why it failed."""
        if not missing(packages):
            return None
        self._run(["dpkg", "--configure", "-a"])  # an earlier run may have been killed
        saved = self.cache / _digest(packages)
        files = sorted(saved.glob("*.deb"))
        if files and self._apt(*INSTALL, *map(str, files)) is None and not missing(packages):
            return None
        return self._download(packages, saved) or self._check(packages)

    def _download(self, packages: Sequence[str], saved: Path) -> str | None:
        """Download to the local disk, whose locks work, save the files on the volume, and install them."""
        archives = LOCAL_ARCHIVES / saved.name
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        into = ("-o", f"Dir::Cache::archives={archives}")
        why = self._apt("update") or self._apt(*INSTALL, *into, "--download-only", *packages)
        if why:
            return why
        problem = _save(archives, saved)
        if problem:
            self.output.append(problem)
            print(f"provision: {problem}", flush=True)
        return self._apt(*INSTALL, *into, *packages)

    def _check(self, packages: Sequence[str]) -> str | None:
        lacking = missing(packages)
        return f"apt-get has not installed {', '.join(lacking)}" if lacking else None

    def _apt(self, *arguments: str) -> str | None:
        return self._run(["apt-get", *OPTIONS, *arguments])

    def _run(self, command: Sequence[str]) -> str | None:
        output, limit = new_output(), max(0.1, self.deadline - time.monotonic())
        environment = {**self.environment, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        try:
            code = run_child(command, folder=Path("/"), environment=environment, seconds=limit, output=output)
        except OSError as error:
            return f"{command[0]} cannot be run ({error.strerror})"
        self.output.extend(output)
        if code is None:
            return "it took too long and was ended"
        return _reason(output) if code else None


def missing(packages: Sequence[str]) -> list[str]:
    """Return the packages that are not installed, or not in the version that is asked for."""
    return [package for package in packages if not _is_installed(package)]


def _is_installed(package: str) -> bool:
    name, _, version = package.partition("=")
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", name]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=QUERY_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    state, _, installed = done.stdout.partition(" ")
    return state == "installed" and version in ("", installed)


def _digest(packages: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(packages)).encode()).hexdigest()[:16]


def _save(archives: Path, saved: Path) -> str | None:
    """Copy the package files to the volume; a folder without `.new` is complete. Return what went wrong."""
    new = saved.with_name(f"{saved.name}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for file in archives.glob("*.deb"):
            shutil.copyfile(file, new / file.name)
        shutil.rmtree(saved, ignore_errors=True)
        new.rename(saved)
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(new)
        return f"The Debian packages are not saved on the volume ({error.strerror}); the next pod downloads them again."
    return None


def _reason(output: Sequence[str]) -> str:
    """Return apt's errors; its last lines where it wrote none."""
    errors = [line for line in output if line.startswith(("E:", "dpkg: error"))]
    return " ".join(errors or output)[-LONGEST_REASON:]
