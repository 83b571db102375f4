"""Run `comfypod` as a user does: as a process, in a pipe or on a terminal."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.support.forks import COMMAND, Fork, Program

# Terminal control sequences.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
LIMIT_S = 60


class CommandLine:
    """Runs the command with `environment`, from a folder outside the checkout."""

    def __init__(self, environment: Mapping[str, str], folder: Path):
        self.environment = dict(environment)
        self._folder = folder

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        with Fork(self._program(arguments, variables)) as command:
            output, errors = command.communicate(timeout=LIMIT_S)
        return subprocess.CompletedProcess(arguments, command.wait(), output, errors)

    def start(
        self,
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        nohup: bool = False,
        to_be_stopped: bool = False,
        **variables: str,
    ) -> Fork:
        """Start the command in the background; with `to_be_stopped`, a signal will end it."""
        ignored = [signal.SIGHUP] if nohup else []
        program = self._program(arguments, variables)
        return Fork(replace(program, ignored_signals=ignored, measured=not to_be_stopped), stdin=stdin)

    @contextmanager
    def terminal(
        self, *arguments: str, columns: int = 120, to_be_stopped: bool = False, **variables: str
    ) -> Iterator["Terminal"]:
        """Run the command on its own terminal; with `to_be_stopped`, Ctrl-C will end it."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        variables = {**variables, "TERM": "xterm-256color"}
        program = replace(self._program(arguments, variables), terminal=True, measured=not to_be_stopped)
        process = Fork(program, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        terminal = Terminal(process, ours)
        try:
            yield terminal
        finally:
            terminal.close()

    def _program(self, arguments: Sequence[str], variables: Mapping[str, str]) -> Program:
        # These variables would override the size of the terminal.
        ours = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment = {**ours, **self.environment, **variables}
        return Program(module=COMMAND, arguments=arguments, environment=environment, folder=self._folder)


class Terminal:
    """A terminal session. A thread collects the output, so that waiting for it can time out."""

    def __init__(self, process: Fork, descriptor: int):
        self._process = process
        self._descriptor = descriptor
        self._output_arrived = threading.Condition()
        self._output = ""
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="terminal")
        self._reader.start()

    @property
    def text(self) -> str:
        """Return all output so far, without control sequences."""
        return ESCAPES.sub("", self._output).replace("\r\n", "\n").replace("\r", "\n")

    @property
    def raw(self) -> str:
        return self._output

    def wait_for(self, words: str) -> None:
        with self._output_arrived:
            seen = self._output_arrived.wait_for(lambda: words in self.text or self._ended, LIMIT_S)
        assert seen, f"{words!r} did not come: …{self.text[-2000:]}"
        assert words in self.text, f"it ended without {words!r}: …{self.text[-2000:]}"

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def exit_code(self) -> int:
        try:
            code = self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it goes on: …{self.raw[-2000:]!r}") from None
        self._reader.join(LIMIT_S)
        return code

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self.exit_code()
        os.close(self._descriptor)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._descriptor, 65536)
            except OSError:  # the other end is closed
                chunk = b""
            with self._output_arrived:
                self._output += chunk.decode(errors="replace")
                self._ended = not chunk
                self._output_arrived.notify_all()
            if not chunk:
                return
