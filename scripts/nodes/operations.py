"""What a user does with custom nodes. One operation at a time on a volume; each succeeds or changes nothing."""

import os
import re
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from backend.provisioning.document import NODE_NAME, REPOSITORY, node_name_of
from scripts.nodes import checkout, folders, registry
from scripts.nodes.errors import NodeError
from scripts.nodes.git import Git
from scripts.nodes.packages import install_packages_of
from scripts.workspace.child import new_output
from scripts.workspace.install import Installer
from scripts.workspace.layout import Layout, Place

DEFAULT_SECONDS = 900.0
REGISTRY_ID = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})(?:@([A-Za-z0-9.+-]{1,50}))?")


class Operations:
    """Operations on the nodes of one volume."""

    def __init__(self, layout: Layout, place: Place, environment: Mapping[str, str]):
        self._custom_nodes = place.base / "custom_nodes"
        self._environment = environment
        self._deadline = time.monotonic() + DEFAULT_SECONDS
        self._output: deque[str] = new_output()
        self._installer = Installer(
            uv=layout.spare / "venv" / "bin" / "uv",
            venv=place.venv,
            constraints=layout.constraints,
            environment=environment,
            deadline=self._deadline,
            step_seconds=DEFAULT_SECONDS,
        )

    def install(self, source: str, commit: str = "", name: str = "") -> str:
        """Install from a git repository, or from the registry by `ID` or `ID@VERSION`. Return the node's name."""
        self._custom_nodes.mkdir(parents=True, exist_ok=True)
        folders.recover(self._custom_nodes)
        if REPOSITORY.fullmatch(source):
            target = self._free_target(name or node_name_of(source))
            checkout.install(self._git, source, commit, target, self._prepare)
            return target.name
        match = REGISTRY_ID.fullmatch(source)
        if match is None:
            raise NodeError(
                "Give the address of a git repository, such as https://github.com/OWNER/NAME, or the id of a node in the "
                "registry."
            )
        target = self._free_target(name or match[1])
        release = registry.find_release(match[1], match[2] or "", self._environment)
        registry.install(release, target, self._prepare)
        return target.name

    def update(self, name: str, version: str = "") -> bool:
        """Update a node to a commit or version; by default to the newest. Return False if nothing is newer."""
        folders.recover(self._custom_nodes)
        node = folders.find(self._custom_nodes, name)
        if checkout.is_checkout(node):
            if not checkout.origin(self._git, node):
                raise NodeError(
                    f"{name} is a git checkout without a remote `origin`, so it cannot be updated."
                )
            return checkout.update(self._git, node, version, self._prepare)
        if folders.registry_version(node):
            if node.parent != self._custom_nodes:
                raise NodeError(f"{name} is disabled. Enable it, then update it.")
            release = registry.find_release(name, version, self._environment)
            return registry.update(release, node, self._prepare)
        raise NodeError(f"{name} came neither from git nor from the registry, so no newer version is known.")

    def disable(self, name: str) -> None:
        folders.recover(self._custom_nodes)
        folders.disable(self._custom_nodes, name)

    def enable(self, name: str) -> None:
        folders.recover(self._custom_nodes)
        folders.enable(self._custom_nodes, name)

    def remove(self, name: str, *, force: bool = False) -> None:
        """Delete a node. Without `force`, not where a git checkout has changes that exist nowhere else."""
        folders.recover(self._custom_nodes)
        node = folders.find(self._custom_nodes, name)
        if not force and node.is_dir() and not node.is_symlink() and checkout.is_checkout(node):
            changes = checkout.local_changes(self._git, node)
            if changes:
                raise NodeError(
                    f"{name} has local changes ({changes}), which would be lost. Commit and push them, or remove it with force."
                )
        folders.remove(self._custom_nodes, name)

    @property
    def _git(self) -> Git:
        return Git(environment=self._environment, deadline=self._deadline, output=self._output)

    def _prepare(self, folder: Path) -> None:
        install_packages_of(folder, self._installer, self._output)

    def _free_target(self, name: str) -> Path:
        if not re.fullmatch(NODE_NAME, name):
            raise NodeError(
                f"{name!r} cannot be the name of a node. Give a name of letters, digits, dots and dashes."
            )
        target = self._custom_nodes / name
        taken = [
            path
            for path in (target, *folders.disabled_forms(self._custom_nodes, name))
            if os.path.lexists(path)
        ]
        if taken:
            raise NodeError(f"{name} is installed already. Update it, or remove it first.")
        return target
