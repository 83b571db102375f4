"""Installs what a custom node needs into ComfyUI's environment: its requirements, then its own install script."""

import time
from collections import deque
from pathlib import Path

from scripts.nodes.errors import NodeError
from scripts.workspace.child import run_child
from scripts.workspace.install import Installer
from scripts.workspace.node_packages import requirements_of


def install_packages_of(node: Path, installer: Installer, output: deque[str]) -> None:
    """Raise NodeError with the reason when something cannot be installed."""
    needs = requirements_of(node)
    why = installer.install(*needs, folder=node) if needs else None
    if why:
        raise NodeError(f"Its packages cannot be installed: {why}.")
    if (node / "install.py").is_file():
        _run_script(node, installer, output)


def _run_script(node: Path, installer: Installer, output: deque[str]) -> None:
    python = str(installer.venv / "bin" / "python")
    limit = max(0.1, installer.deadline - time.monotonic())
    try:
        code = run_child(
            [python, "install.py"],
            folder=node,
            environment=installer.environment,
            seconds=limit,
            output=output,
        )
    except OSError as error:
        raise NodeError(f"Its install.py cannot be run: {error.strerror}.") from None
    if code is None:
        raise NodeError("Its install.py took too long and was ended.")
    if code:
        raise NodeError(f"Its install.py failed with exit code {code}: {' '.join(output)[-300:]}")
