"""Sends one message through Apprise. Runs in a process of its own, because Apprise takes 47 MB and half a second.

Reads one JSON object from standard input, so that no other user of the machine sees the URL, and writes one to standard output:
the name of the service, and the reason of a failure.
"""

import json
import logging
import sys
from typing import Any

import apprise


class _Warnings(logging.Handler):
    """Remembers the last warning: Apprise reports the reason of a failure only there."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return the name of the service, None for an unknown URL, and the problem, None after a success."""
    warnings = _Warnings()
    logger = logging.getLogger("apprise")
    logger.addHandler(warnings)
    logger.propagate = False
    plugin = apprise.Apprise.instantiate(request["url"], suppress_exceptions=True)
    if not isinstance(plugin, apprise.NotifyBase):
        return {"service": None, "problem": warnings.last}
    service = str(plugin.service_name)
    if "title" not in request:
        return {"service": service, "problem": None}
    sender = apprise.Apprise()
    sender.add(plugin)
    accepted = sender.notify(
        title=request["title"], body=request["body"], notify_type=apprise.NotifyType(request["tone"])
    )
    return {
        "service": service,
        "problem": None if accepted else warnings.last or "It did not accept the message.",
    }


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
