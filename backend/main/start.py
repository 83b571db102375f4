"""What `python -m backend.main` does."""

import os
import sys

import structlog

from backend.config.settings import SettingsError, load_settings
from backend.core.logging import configure_logging
from backend.core.process_lock import AlreadyRunning
from backend.main.server import serve, serve_reason

log = structlog.get_logger("backend.main")


def main() -> int:
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        if "SUPERVISOR_ENABLED" in os.environ:
            # The supervisor would restart the process forever, behind a page that says to wait.
            serve_reason(str(error))
        return 2
    configure_logging(settings.log_level, settings.log_format)
    for sentence in settings.problems:
        log.warning(sentence)
    try:
        serve(settings)
    except AlreadyRunning as error:
        sentence = f"{settings.state_folder} is in use: {error}. Stop that first, or set another WORKSPACE."
        print(sentence, file=sys.stderr)  # noqa: T201
        return 1
    return 0
