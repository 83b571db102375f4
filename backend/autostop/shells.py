"""SSH sessions: whether one runs a command, and when a user last typed something.

A session that only forwards ports has neither, and does not keep the pod from being stopped.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

SSH_DAEMONS = {"sshd", "sshd-session", "sshd-auth"}
SHELLS = {"sh", "bash", "dash", "zsh", "fish", "tmux: client"}


def running_commands() -> list[str]:
    """Return the programs that SSH sessions run: below a shell on a terminal, or in place of one, such as rsync."""
    return [
        process.name()
        for session in _sessions()
        for process in _readable([session, *_children(session)])
        if process.name() not in SHELLS
    ]


def last_input(terminals: Path) -> datetime | None:
    """Return when a terminal was last used; None when there is none."""
    moments = []
    for terminal in terminals.glob("[0-9]*"):
        try:
            moments.append(terminal.stat().st_atime)
        except OSError:
            continue
    return datetime.fromtimestamp(max(moments), UTC) if moments else None


def _sessions() -> Iterator[psutil.Process]:
    """Yield the processes that SSH daemons have started for a session."""
    processes = list(psutil.process_iter(["name", "ppid"]))
    daemons = {process.pid for process in processes if process.info["name"] in SSH_DAEMONS}
    for process in processes:
        if process.info["ppid"] in daemons and process.pid not in daemons:
            yield process


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.Error:
        return []
    return children


def _readable(processes: list[psutil.Process]) -> Iterator[psutil.Process]:
    for process in processes:
        try:
            process.name()
        except psutil.Error:
            continue
        yield process
