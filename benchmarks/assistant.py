"""`python -m benchmarks.assistant [KILLS]`: kill both processes of the assistant during approvals. Prints what was left."""

import random
import sys
import tempfile
from pathlib import Path

from tests.support.assistant_kills import KINDS, Kills
from tests.support.comfyui.process import ComfyUI, running
from tests.support.messages_api import running_messages_api

KILLS = 50


def main(count: int) -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_messages_api() as api,
        running(ComfyUI(Path(folder) / "ComfyUI")) as comfyui,
    ):
        seed = random.randrange(10**6)
        kinds = [KINDS[number % len(KINDS)] for number in range(count)]
        report = Kills(Path(folder), api, comfyui, seed).run(kinds)
    print(f"seed {seed}: {dict(report.kills)} in {report.seconds:.0f} s; calls: {dict(report.calls)}")
    for problem in report.problems:
        print(problem)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS))
