"""A plug-in of supervisord: what a pod needs beyond running programs.

supervisord.conf names `attach` as the factory of an RPC interface, which is how supervisord loads plug-ins. It runs
in the system's Python, where supervisor is installed. See docs/adr/0004-supervisor-plug-in.md.
"""

import os
import signal
import sys
from typing import Any

from supervisor import events
from supervisor.medusa import asyncore_25 as asyncore
from supervisor.states import STOPPED_STATES

from scripts.supervisor.container_log import ContainerLog

SECRETS = ("ACCESS_PASSWORD", "HF_TOKEN", "CIVITAI_TOKEN")


def attach(supervisord: Any, **_options: str) -> object:
    # supervisord found this module through PYTHONPATH, which is not meant for the services.
    os.environ.pop("PYTHONPATH", None)
    events.subscribe(events.SupervisorRunningEvent, lambda _event: start_at_once(supervisord))
    log = ContainerLog(_write_out, [os.environ.get(name, "").strip() for name in SECRETS])
    _copy_to(log)
    _wake_on_signals()
    return Interface(log)


class Interface:
    """What can be asked over supervisord's socket, as `pod.NAME`."""

    def __init__(self, log: ContainerLog):
        self._log = log

    def hide(self, secrets: list[str]) -> bool:
        """Mask these in the container's log too: tokens that were saved while the pod runs."""
        self._log.hide(secrets)
        return True


def start_at_once(supervisord: Any) -> None:
    """supervisord sleeps for a second before it starts its first program."""
    for group in sorted(supervisord.process_groups.values()):
        group.transition()


def _copy_to(log: ContainerLog) -> None:
    """Services write to rotating files; the same bytes also go to our own output, which is the container's log."""

    def carry(event: Any) -> None:
        log.add(event.process.config.name, event.data)

    def end(event: Any) -> None:
        if event.process.state in STOPPED_STATES:
            log.finish(event.process.config.name)

    events.subscribe(events.ProcessLogEvent, carry)
    events.subscribe(events.ProcessStateEvent, end)


def _write_out(text: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def _wake_on_signals() -> None:
    """supervisord looks at signals, an ended program's among them, once a second. A byte on its poll list wakes it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _Alarm(reading)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)


class _Alarm(asyncore.file_dispatcher):  # type: ignore[misc]
    """Registers itself with supervisord's loop by being made."""

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        self.recv(4096)
