"""Processes that coverage does not measure."""

from collections.abc import Mapping


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without coverage, for a process that a signal ends by an exception, as Ctrl-C does.

    coverage's tracer looks the greenlet up in a dictionary of Python's and takes whatever comes out of it for "not there
    yet". A KeyboardInterrupt that arrives meanwhile is gone, and the process goes on.
    """
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_PROCESS_")}
