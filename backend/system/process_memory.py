"""The memory of processes with their children."""

from collections import defaultdict
from collections.abc import Iterable

import psutil


def memory_of(pids: Iterable[int]) -> dict[int, int]:
    """Return the resident bytes of each process and everything that it has started. Blocks for some milliseconds."""
    wanted = set(pids)
    if not wanted:
        return {}
    children: dict[int, list[int]] = defaultdict(list)
    resident: dict[int, int] = {}
    for process in psutil.process_iter(["ppid", "memory_info"]):
        memory = process.info["memory_info"]
        children[process.info["ppid"]].append(process.pid)
        resident[process.pid] = memory.rss if memory else 0
    return {pid: sum(resident[each] for each in _tree(pid, children)) for pid in wanted & resident.keys()}


def _tree(root: int, children: dict[int, list[int]]) -> set[int]:
    found, waiting = {root}, [root]
    while waiting:
        new = [child for child in children.get(waiting.pop(), ()) if child not in found]
        found.update(new)
        waiting += new
    return found
