"""Git for checkouts of custom nodes, which may come from any author."""

import subprocess
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.nodes.errors import NodeError
from scripts.workspace.child import new_output, run_child

# Of a command that only reads the checkout.
QUERY_SECONDS = 30.0
LONGEST_REASON = 300
SAFE_OPTIONS = (
    # A volume may map root to another user.
    *("-c", "safe.directory=*"),
    # Programs that a checkout names are not run by us.
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"),
    *("-c", "advice.detachedHead=false", "-c", "init.defaultBranch=main"),
)


@dataclass(frozen=True, kw_only=True)
class Git:
    """Runs git until a deadline on the clock of time.monotonic()."""

    environment: Mapping[str, str]
    deadline: float
    output: deque[str] = field(default_factory=new_output)

    def run(self, folder: Path, *arguments: str) -> None:
        """Run a command that changes the checkout. Raise NodeError when it fails."""
        output = new_output()
        try:
            code = run_child(
                ["git", *SAFE_OPTIONS, *arguments],
                folder=folder,
                environment=self._quiet,
                seconds=max(0.1, self.deadline - time.monotonic()),
                output=output,
            )
        except OSError as error:
            raise NodeError(f"git cannot be run: {error.strerror}.") from None
        self.output.extend(output)
        if code is None:
            raise NodeError(f"git {arguments[0]} took too long and was ended. Try again.")
        if code:
            raise NodeError(f"git {arguments[0]} failed: {' '.join(output)[-LONGEST_REASON:]}")

    def ask(self, folder: Path, *arguments: str) -> str:
        """Return what a command prints. Raise NodeError when it fails."""
        try:
            done = subprocess.run(
                ["git", *SAFE_OPTIONS, *arguments],
                cwd=folder,
                env=self._quiet,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=QUERY_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NodeError(f"git {arguments[0]} cannot be run: {error}.") from None
        if done.returncode:
            raise NodeError(f"git {arguments[0]} failed: {done.stderr.strip()[-LONGEST_REASON:]}")
        return done.stdout.strip()

    @property
    def _quiet(self) -> dict[str, str]:
        """Never ask for a password: no terminal is there to type it."""
        return {**self.environment, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
