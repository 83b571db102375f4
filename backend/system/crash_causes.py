"""Finds out from the last lines of ComfyUI why it exited, and what helps."""

import re
import signal
from collections.abc import Callable, Sequence
from typing import NamedTuple

TRACEBACK = "Traceback (most recent call last)"
# After such a line ComfyUI goes on: the traceback before it does not belong to the exit.
HANDLED = re.compile(r"Cannot import .+ module for custom nodes")
# Of a traceback its beginning matters little: the reason comes last.
MAX_LINES = 16
MAX_LINE_LENGTH = 500
SAFE_MODE = "Start in safe mode, which loads no custom nodes, to find out whether one of them is the reason."


class Cause(NamedTuple):
    """A sentence about the reason, empty when it is unknown, and what to do."""

    reason: str
    remedy: str


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    explain: Callable[[re.Match[str]], Cause]


def relevant_lines(output: str) -> list[str]:
    """Return the last traceback, or the last lines where there is none."""
    lines = [line.rstrip()[:MAX_LINE_LENGTH] for line in output.splitlines() if line.strip()]
    handled = [number for number, line in enumerate(lines) if HANDLED.search(line)]
    lines = lines[handled[-1] + 1 if handled else 0 :]
    starts = [number for number, line in enumerate(lines) if TRACEBACK in line]
    return lines[starts[-1] if starts else 0 :][-MAX_LINES:]


def cause_of(code: int, lines: Sequence[str]) -> Cause:
    """Explain an exit code (negative: the number of a signal) with the lines before it."""
    text = "\n".join(lines)
    for rule in RULES:
        matches = list(rule.pattern.finditer(text))
        if matches:
            return rule.explain(matches[-1])  # nearest to the exit
    return SIGNALS.get(-code) or Cause("", f"Read the lines above. {SAFE_MODE}")


def ending(code: int) -> str:
    """Describe an exit code (negative: the number of a signal)."""
    return f"exit code {code}" if code >= 0 else f"ended by {_signal_name(-code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _missing_argument_package(found: re.Match[str]) -> Cause:
    argument, package = found.groups()
    return Cause(
        f"{argument} needs the package {package}, which is not installed.",
        f"Remove {argument} from COMFYUI_EXTRA_ARGS, or run `pip install {package}` in a terminal of the pod.",
    )


def _node(found: re.Match[str]) -> Cause:
    return Cause(
        f"The custom node {found[1]} raised an error.",
        "Start in safe mode, then update, disable or remove the node in ComfyUI-Manager.",
    )


def _missing_package(found: re.Match[str]) -> Cause:
    package = found[1].partition(".")[0]
    return Cause(
        f"The Python package {package} is missing.",
        f"Install it in a terminal of the pod, usually with `pip install {package}`. {SAFE_MODE}",
    )


def _rule(pattern: str, reason: str, remedy: str) -> _Rule:
    return _Rule(re.compile(pattern), lambda _found: Cause(reason, remedy))


# The first that matches explains the exit.
RULES = (
    _Rule(
        re.compile(r"To use the `(--[\w-]+)` feature, the `([\w.-]+)` package must be installed"),
        _missing_argument_package,
    ),
    _rule(
        r"Comfy Kitchen attention is unavailable",
        "--use-ck-attention needs a GPU that Comfy Kitchen supports.",
        "Remove it from COMFYUI_EXTRA_ARGS.",
    ),
    _rule(
        r"(?i)no space left on device",
        "The disk is full.",
        "Delete files or enlarge the volume, then start ComfyUI again.",
    ),
    _rule(
        r"(?i)address already in use|port \d+ is already in use",
        "Another program uses ComfyUI's port 3000.",
        "Stop that program or use another port for it.",
    ),
    _rule(
        r"Could not acquire lock on database",
        "Another pod uses ComfyUI's database on this volume.",
        "Stop the other pod, then start ComfyUI again.",
    ),
    _rule(
        r"(?i)cuda out of memory|OutOfMemoryError",
        "The GPU's memory ran out.",
        "Stop other programs that use the GPU, or choose a GPU with more memory.",
    ),
    _rule(
        r"(?i)cuda error|no kernel image is available|CUDA driver version is insufficient",
        "CUDA failed on this GPU.",
        "Read the accelerator's message on the overview; if it does not help, rent another host.",
    ),
    _rule(
        r"undefined symbol|cannot open shared object file",
        "A package does not match the installed PyTorch.",
        "Uninstall the package that you installed last. " + SAFE_MODE,
    ),
    _Rule(re.compile(r"custom_nodes/([^/\"'\s]+)"), _node),
    _Rule(re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'"), _missing_package),
)
_NATIVE = Cause("Native code crashed, such as a CUDA library or a compiled package.", SAFE_MODE)
SIGNALS: dict[int, Cause] = {
    signal.SIGKILL: Cause(
        "The system killed it, most often because the pod's memory ran out.",
        "Choose a pod with more memory, or smaller models. Another program may have killed it as well.",
    ),
    signal.SIGSEGV: _NATIVE,
    signal.SIGABRT: _NATIVE,
    signal.SIGBUS: _NATIVE,
    signal.SIGILL: _NATIVE,
}
