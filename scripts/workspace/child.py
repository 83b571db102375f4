"""Runs a program of the user, or one that changes the pod, with a time limit and a copy of its last lines."""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

OUTPUT_LINES = 20
MAX_LINE_LENGTH = 500


def new_output() -> deque[str]:
    return deque(maxlen=OUTPUT_LINES)


def run_child(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    output: deque[str],
) -> int | None:
    """Return the exit code, or None when the program was ended after `seconds`. Raise OSError when it cannot be run.

    Its lines go to our own output; `output` gets the last ones. It ends with us.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    reader = Thread(target=_copy, args=(process, output), daemon=True)
    reader.start()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:  # also when the service is stopped; a program that has ended may leave others running
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(timeout=1)


def _copy(process: "subprocess.Popen[str]", output: deque[str]) -> None:
    assert process.stdout  # noqa: S101
    with process.stdout as lines:
        for line in lines:
            output.append(line.rstrip()[:MAX_LINE_LENGTH])
            print(line, end="", flush=True)
