"""The signatures of the nodes that the official templates use, in the form of `/object_info`.

Asked of ComfyUI 0.33.0 without models, reduced to names, types and defaults. Nodes of newer versions are absent.
"""

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "node_types.json.xz"


@cache
def object_info() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lzma.decompress(FILE.read_bytes()))
    return found
