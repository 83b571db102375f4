"""`python -m backend.cli`, or `comfypod`."""

import signal
import sys

from backend.cli.app import app
from backend.cli.errors import CommandError
from backend.core.formatting import printable


def main() -> int:
    # A closed terminal and SIGTERM end a command as Ctrl-C does, with all files closed. `nohup` ignores SIGHUP.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        app(prog_name="comfypod")
    except CommandError as error:
        for line in str(error).splitlines():
            print(printable(line), file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
