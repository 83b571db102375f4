"""Kill the control plane, ComfyUI or both at random moments over queues of jobs, and check that nothing is lost.

`python -m benchmarks.kills [--kills 200] [--jobs 50] [--seed 1]` prints one JSON object and writes
benchmarks/out/kills.json. It fails when a job has not ended as it should, ran again without need, or lost an output.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.kills import kill_test

OUT = Path(__file__).with_name("out") / "kills.json"
# Most queues end after fewer.
KILLS_PER_QUEUE = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with (
        TemporaryDirectory(prefix="comfypod-kills-") as folder,
        kill_test(Path(folder), options.seed) as test,
    ):
        while test.report.kills.total() < options.kills:
            left = options.kills - test.report.kills.total()
            test.run_queue(options.jobs, min(left, KILLS_PER_QUEUE))
            print(json.dumps({"seed": options.seed, **test.report.as_json()}), file=sys.stderr)
    result = json.dumps({"seed": options.seed, **test.report.as_json()}, indent=2)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(result)
    print(result)
    return 1 if test.report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
