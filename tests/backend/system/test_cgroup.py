"""A container's CPU and memory are those of its cgroup, not those of the machine."""

from pathlib import Path

import psutil
import pytest

from backend.system.cgroup import Cgroup

V2 = {
    "memory.max": "8000000000\n",
    "memory.current": "3000000000\n",
    "memory.stat": "anon 1\ninactive_file 1000000000\n",
    "cpu.max": "200000 100000\n",
    "cpu.stat": "usage_usec 5000000\nuser_usec 1\n",
}
V1 = {
    "memory/memory.limit_in_bytes": "8000000000\n",
    "memory/memory.usage_in_bytes": "3000000000\n",
    "memory/memory.stat": "total_inactive_file 1000000000\n",
    "cpu/cpu.cfs_quota_us": "200000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "cpuacct/cpuacct.usage": "5000000000\n",
}
GROUPS = {"v2": V2, "v1": V1}


def written(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize("version", GROUPS)
def test_the_limits_of_the_container_count(tmp_path: Path, version: str) -> None:
    cgroup = Cgroup(written(tmp_path, GROUPS[version]))
    memory = cgroup.memory()
    assert (memory.total, memory.used) == (8_000_000_000, 2_000_000_000)
    assert cgroup.cpus() == 2


@pytest.mark.parametrize(("version", "file"), [("v2", "cpu.stat"), ("v1", "cpuacct/cpuacct.usage")])
def test_cpu_time_is_counted_between_two_calls(tmp_path: Path, version: str, file: str) -> None:
    cgroup = Cgroup(written(tmp_path, GROUPS[version]))
    assert cgroup.cpu_percent() == 0
    path = tmp_path / file
    path.write_text(path.read_text().replace("5000000", "5000000000000000000"))
    assert cgroup.cpu_percent() == 100


@pytest.mark.parametrize(
    "files", [{}, {"memory.max": "max\n", "memory.current": "1\n"}, {"memory.max": str(2**63)}]
)
def test_without_a_limit_the_machine_counts(tmp_path: Path, files: dict[str, str]) -> None:
    assert Cgroup(written(tmp_path, files)).memory().total == psutil.virtual_memory().total
