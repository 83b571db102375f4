"""The journal on the volume survives crashes, full disks and tampering."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.core.errors import CannotRecord
from backend.core.journal import Journal


def entries(*numbers: int, pad: str = "") -> list[str]:
    return [json.dumps({"n": number, "pad": pad}) for number in numbers]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "jobs" / "journal.jsonl")


async def test_entries_are_read_back_in_order(journal: Journal) -> None:
    await journal.append(entries(1, 2))
    await journal.append(entries(3, pad="line\nbreak"))
    assert [entry["n"] for entry in await Journal(journal.path).read()] == [1, 2, 3]


async def test_a_journal_that_was_never_written_is_empty(journal: Journal) -> None:
    assert await journal.read() == []
    assert await journal.size() == 0


async def test_a_line_cut_off_by_a_crash_is_skipped_and_overwritten(journal: Journal) -> None:
    await journal.append(entries(1))
    with journal.path.open("ab") as file:
        file.write(b'{"n": 2, "half')
    assert [entry["n"] for entry in await journal.read()] == [1]
    await journal.append(entries(3))
    assert [entry["n"] for entry in await journal.read()] == [1, 3]


async def test_invalid_lines_are_skipped(journal: Journal) -> None:
    await journal.append(entries(1))
    with journal.path.open("ab") as file:
        file.write(b"not json\n[1, 2]\n" + b"[" * 100_000 + b"\n")
    await journal.append(entries(2))
    assert [entry["n"] for entry in await journal.read()] == [1, 2]


async def test_appends_at_the_same_time_do_not_mix(journal: Journal) -> None:
    await asyncio.gather(*(journal.append(entries(n, n, n, pad="x" * 5000)) for n in range(20)))
    assert sorted(entry["n"] for entry in await journal.read()) == sorted([*range(20)] * 3)


async def test_rewriting_leaves_only_the_new_entries(journal: Journal) -> None:
    await journal.append(entries(*range(100)))
    await journal.rewrite(entries(100))
    await journal.append(entries(101))
    assert [entry["n"] for entry in await journal.read()] == [100, 101]


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 64 kB."""
    volume = tmp_path / "volume"
    volume.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(volume)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    yield volume
    subprocess.run(["umount", str(volume)], check=True)


async def test_a_full_volume_keeps_the_old_entries_and_no_partial_ones(small_volume: Path) -> None:
    journal = Journal(small_volume / "journal.jsonl")
    await journal.append(entries(1))
    with pytest.raises(CannotRecord, match="full or read-only"):
        await journal.append(entries(*range(1000), pad="x" * 1000))
    await journal.append(entries(2))
    assert [entry["n"] for entry in await journal.read()] == [1, 2]


async def test_a_planted_symbolic_link_is_not_followed(journal: Journal, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    journal.path.parent.mkdir()
    journal.path.symlink_to(victim)
    with pytest.raises(CannotRecord):
        await journal.append(entries(1))
    assert victim.read_text() == "precious"
