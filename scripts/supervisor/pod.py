"""A plug-in of supervisord for the logs, the start and the signals of a pod.

supervisord.conf names `attach` as the factory of an RPC interface, because supervisord loads plug-ins that way. It runs
in the system's Python, where supervisor is installed. See docs/adr/0004-supervisor-plug-in.md.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.medusa import asyncore_25 as asyncore
from supervisor.states import STOPPED_STATES

from scripts.supervisor.container_log import ContainerLog
from scripts.supervisor.watched import Watched

SECRETS = (
    "ACCESS_PASSWORD",
    "HF_TOKEN",
    "CIVITAI_TOKEN",
    "RUNPOD_API_KEY",
    "CONTAINER_API_KEY",
    "ANTHROPIC_API_KEY",
    "SYNC_SECRET_ACCESS_KEY",
)
COMFYUI, COMFYUI_PORT = "comfyui", 3000


def attach(supervisord: Any, **_options: str) -> object:
    # supervisord has found this module through PYTHONPATH; the services must not inherit it.
    os.environ.pop("PYTHONPATH", None)
    log = ContainerLog(_write_out, [os.environ.get(name, "").strip() for name in SECRETS])
    interface = Interface(log)
    events.subscribe(events.SupervisorRunningEvent, lambda _event: _begin(supervisord, interface))
    _copy_to(log)
    _wake_on_signals()
    return interface


def _begin(supervisord: Any, interface: "Interface") -> None:
    for group in supervisord.process_groups.values():
        if COMFYUI in group.processes:
            interface.watched[COMFYUI] = _watch(group.processes[COMFYUI])
    start_at_once(supervisord)


def _watch(process: Any) -> Watched:
    run = Path(os.environ["RUN_DIR"])
    return Watched(
        process, port=COMFYUI_PORT, report=run / "comfyui.json", restart_mark=run / "comfyui-session.reboot"
    )


class Interface:
    """Methods on supervisord's socket, as `pod.NAME`."""

    def __init__(self, log: ContainerLog):
        self._log = log
        # Programs whose restarts are delayed, by name.
        self.watched: dict[str, Watched] = {}

    def hide(self, secrets: list[str]) -> bool:
        """Mask these in the container's log: tokens that were saved while the pod runs."""
        self._log.hide(secrets)
        return True

    def cancel_restart(self, name: str) -> bool:
        """Leave a program down that has exited and waits for its restart."""
        if name in self.watched:
            self.watched[name].cancel_restart()
        return True


def start_at_once(supervisord: Any) -> None:
    """Start the programs now; supervisord would sleep for a second first."""
    for group in sorted(supervisord.process_groups.values()):
        group.transition()


def _copy_to(log: ContainerLog) -> None:
    """Copy the output of services to our own, which is the container's log. supervisord writes it to files as well."""

    def copy(event: Any) -> None:
        log.add(event.process.config.name, event.data)

    def end(event: Any) -> None:
        if event.process.state in STOPPED_STATES:
            log.finish(event.process.config.name)

    events.subscribe(events.ProcessLogEvent, copy)
    events.subscribe(events.ProcessStateEvent, end)


def _write_out(text: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def _wake_on_signals() -> None:
    """Wake supervisord on every signal, such as that of an ended program; it would check for them once a second."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _Wakeup(reading)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)


class _Wakeup(asyncore.file_dispatcher):  # type: ignore[misc]
    """Its constructor registers it with supervisord's loop."""

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        self.recv(4096)
