"""Processes that coverage does not measure.

That are those that a signal ends by an exception, as Ctrl-C does. coverage's tracer looks the greenlet up in a dictionary
of Python's and takes whatever comes out of it for "not there yet". A KeyboardInterrupt that arrives meanwhile is lost, and
the process goes on.
"""

import sys
from collections.abc import Mapping


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process that coverage does not measure."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_PROCESS_")}


def stop_measuring() -> None:
    """Stop coverage in this process, if it runs."""
    coverage = sys.modules.get("coverage")
    if coverage and (running := coverage.Coverage.current()):
        running.stop()
