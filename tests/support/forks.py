"""Start our programs as forks of one process that has imported them.

Importing takes a command 0.3 s of CPU time and a control plane 2 s. A fork has its own arguments, environment, working
directory, standard streams, signals and exit code, as any process. Tests of how our programs are started use `subprocess`.
"""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fcntl import ioctl
from multiprocessing import reduction
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from typing import IO, Protocol, Self

from tests.support.coverage import stop_measuring

COMMAND = "backend.cli.__main__"
CONTROL_PLANE = "backend.main.start"

CONTEXT = multiprocessing.get_context("forkserver")
# `__main__` is pytest, which every fork would import otherwise.
CONTEXT.set_forkserver_preload(["__main__", "tests.support.preloaded"])


class Descriptor:
    """A file descriptor that the fork gets a duplicate of."""

    def __init__(self, number: int):
        self.number = number

    def __reduce__(self) -> tuple[Callable[["Duplicate"], int], tuple["Duplicate"]]:
        return _received, (reduction.DupFd(self.number),)


class Duplicate(Protocol):
    def detach(self) -> int: ...


def _received(duplicate: Duplicate) -> int:
    return duplicate.detach()


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program of ours, and what its process starts with."""

    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str]
    folder: Path
    ignored_signals: Sequence[int] = ()
    # Its standard input becomes the terminal of a session of its own.
    terminal: bool = False
    # Coverage measures it.
    measured: bool = True


class Fork:
    """A program that runs. The methods are those of `subprocess.Popen` in text mode."""

    def __init__(self, program: Program, *, stdin: int = DEVNULL, stdout: int = PIPE, stderr: int = PIPE):
        self.program = program
        with ExitStack() as theirs:
            self.stdin, read = _pipe_into(stdin, theirs)
            self.stdout, write = _pipe_out_of(stdout, theirs)
            self.stderr, complain = (None, write) if stderr == STDOUT else _pipe_out_of(stderr, theirs)
            streams = [Descriptor(number) for number in (read, write, complain)]
            self._process = CONTEXT.Process(target=_run, args=(program, *streams))
            self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.program.module, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, input: str = "", timeout: float = 60) -> tuple[str, str]:  # noqa: A002 - as Popen's
        """Return what it printed until its end."""
        with ThreadPoolExecutor(2) as readers:
            output, errors = (readers.submit(_read, stream) for stream in (self.stdout, self.stderr))
            if self.stdin:
                with suppress(BrokenPipeError), self.stdin:
                    self.stdin.write(input)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            return output.result(), errors.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr, self.stdin):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()
        self.wait()


def _pipe_into(wanted: int, theirs: ExitStack) -> tuple[IO[str] | None, int]:
    """Return our end of a pipe, if one is wanted, and the program's standard input."""
    if wanted == DEVNULL:
        wanted = os.open(os.devnull, os.O_RDONLY)
        theirs.callback(os.close, wanted)
    if wanted != PIPE:
        return None, wanted
    read, write = os.pipe()
    theirs.callback(os.close, read)
    return os.fdopen(write, "w", encoding="utf-8"), read


def _pipe_out_of(wanted: int, theirs: ExitStack) -> tuple[IO[str] | None, int]:
    """Return our end of a pipe, if one is wanted, and what the program writes to."""
    if wanted != PIPE:
        return None, wanted
    read, write = os.pipe()
    theirs.callback(os.close, write)
    return os.fdopen(read, encoding="utf-8"), write


def _read(stream: IO[str] | None) -> str:
    return stream.read() if stream and not stream.closed else ""


def _run(program: Program, *streams: int) -> None:
    """Run the program in the fork, with the standard streams `streams`."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in set(streams):
        os.close(descriptor)
    if program.terminal:
        os.setsid()
        ioctl(0, termios.TIOCSCTTY, 0)
    if not program.measured:
        stop_measuring()
    os.environ.clear()
    os.environ.update(program.environment)
    os.chdir(program.folder)
    sys.argv = [program.module, *program.arguments]
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    # A shell starts background jobs with SIGINT ignored, and every child inherits that: Ctrl-C would do nothing.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in program.ignored_signals:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(importlib.import_module(program.module).main())
