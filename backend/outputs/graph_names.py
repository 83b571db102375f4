"""Names under which ComfyUI's editor loads the workflow of an output.

The editor opens `/?template=NAME` and fetches `/templates/NAME.json`, which nginx passes to the control plane for names of this module.
The editor shows the name on its tab, so it begins with the file's name.
"""

import hashlib
import re
from pathlib import PurePosixPath

PREFIX = "comfypod-"
# What the editor accepts in a name.
OTHERS = re.compile(r"[^A-Za-z0-9_.-]+")
MAX_STEM = 60


def graph_name(path: str) -> str:
    stem = OTHERS.sub("-", PurePosixPath(path).stem)[:MAX_STEM]
    return f"{PREFIX}{stem}-{_digest(path)}"


def names(path: str, name: str) -> bool:
    """Return whether `name` belongs to the file at `path`."""
    return name.rpartition("-")[2] == _digest(path) and name == graph_name(path)


def _digest(path: str) -> str:
    return hashlib.blake2b(path.encode(errors="surrogateescape"), digest_size=4).hexdigest()
