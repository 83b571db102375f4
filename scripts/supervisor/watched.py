"""Applies `Restarts` to one program of supervisord, and reports them in a file for the control plane."""

import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.datatypes import RestartUnconditionally
from supervisor.states import ProcessStates

from scripts.supervisor.restarts import Restarts, now

CONNECT_SECONDS = 0.2
CHECK_SECONDS = 1.0


class Watched:
    """supervisord restarts an exited program at once and for ever, or not at all, so `transition` and `finish` of this
    one are wrapped: before each step the program is marked as to be restarted when that is due."""

    def __init__(self, process: Any, *, port: int, report: Path, restart_mark: Path):
        """The program leaves `restart_mark` when it exits in order to be restarted."""
        self._process = process
        self._port = port
        self._report = report
        self._restart_mark = restart_mark
        self._restarts = Restarts()
        self._checked = 0.0
        self._is_automatic = True  # no user requests the first start
        self._transition: Callable[[], None] = process.transition
        self._finish: Callable[[int, int], None] = process.finish
        process.transition, process.finish = self._step, self._end
        process.config.autorestart = False
        events.subscribe(events.ProcessStateStartingEvent, self._started)
        events.subscribe(events.ProcessLogEvent, self._wrote)

    def cancel_restart(self) -> None:
        """Leave it down; supervisord itself does not know that it would be started."""
        if self._restarts.started_at is None:
            self._restarts.stop()
            self._save()

    def _step(self) -> None:
        with _logged():
            self._check_readiness()
            due = self._restarts.is_due(now())
            self._process.config.autorestart = RestartUnconditionally if due else False
        self._is_automatic = True
        try:
            self._transition()
        finally:
            self._is_automatic = False

    def _end(self, pid: int, status: int) -> None:
        was_stopped = self._process.killing
        self._finish(pid, status)
        with _logged():
            if was_stopped:
                self._restarts.stop()
            else:
                self._restarts.exit(now(), os.waitstatus_to_exitcode(status), requested=self._wants_restart())
            self._save()

    def _wants_restart(self) -> bool:
        if not self._restart_mark.exists():
            return False
        self._restart_mark.unlink(missing_ok=True)
        return True

    def _started(self, event: Any) -> None:
        if event.process is self._process:
            with _logged():
                self._restarts.start(now(), automatic=self._is_automatic)
                self._save()

    def _wrote(self, event: Any) -> None:
        if event.process is self._process:
            self._restarts.write(event.data)

    def _check_readiness(self) -> None:
        restarts, moment = self._restarts, now()
        is_starting = restarts.started_at is not None and restarts.ready_at is None
        if not is_starting or self._process.state != ProcessStates.RUNNING:
            return
        if moment - self._checked < CHECK_SECONDS:
            return
        self._checked = moment
        if _listens(self._port):
            restarts.become_ready(moment)
            self._save()

    def _save(self) -> None:
        temporary = self._report.with_name(f".{self._report.name}.new")
        with suppress(OSError):
            temporary.write_text(json.dumps(self._restarts.as_json()))
            temporary.replace(self._report)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


@contextmanager
def _logged() -> Iterator[None]:
    """An exception here would end supervisord and with it the pod."""
    try:
        yield
    except Exception:  # noqa: BLE001
        traceback.print_exc(file=sys.stdout)
