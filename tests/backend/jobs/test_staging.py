"""Outputs get their names when all of them are complete, and a crash at any moment changes nothing about that."""

import hashlib
import json
from pathlib import Path

import pytest

from backend.jobs.models import Output
from backend.jobs.staging import SIDECAR, Manifest, StagedFile, Staging, free_stem, staged_attempts

ATTEMPT = "0b56dd0c-1a1f-4f8f-9d3a-5f2f4f3a1c11"


def commit(staging: Staging, stem: Path, *contents: bytes) -> Manifest:
    """Stage outputs with these contents, and write down that they are complete."""
    pairs = []
    for number, content in enumerate(contents, start=1):
        file = staging.new_file()
        file.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        staged = StagedFile(
            path=file, suffix=".png", node_id="9", bytes=len(content), sha256=digest, reused=False
        )
        output = Output(
            path=f"{stem.parent.name}/{stem.name}-{number}.png",
            node_id="9",
            kind="image",
            bytes=len(content),
            sha256=digest,
            media_type="image/png",
        )
        pairs.append((staged, output))
    return staging.commit(pairs, stem, {"outputs": len(contents)})


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


def named_files(outputs: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (outputs / "day").glob("*")}


def test_nothing_has_a_name_before_all_outputs_are_complete(outputs: Path) -> None:
    staging = Staging(outputs, ATTEMPT)
    staging.new_file().write_bytes(b"half of a pic")
    assert Staging(outputs, ATTEMPT).manifest() is None
    assert not (outputs / "day").exists()
    assert staged_attempts(outputs) == [ATTEMPT]
    staging.discard()
    assert staged_attempts(outputs) == []


@pytest.mark.parametrize("placed", range(4))
def test_a_crash_while_files_get_their_names_is_made_good(outputs: Path, placed: int) -> None:
    manifest = commit(Staging(outputs, ATTEMPT), outputs / "day" / "cat", b"one", b"two")
    first = Manifest(moves=manifest.moves[:placed] or manifest.moves[:1], outputs=())
    if placed:
        Staging(outputs, ATTEMPT).place(first)
    again = Staging(outputs, ATTEMPT)
    left = again.manifest()
    assert left == manifest
    assert again.place(manifest)
    assert named_files(outputs) == {
        "cat-1.png": b"one",
        "cat-2.png": b"two",
        "cat" + SIDECAR: json.dumps({"outputs": 2}, indent=2).encode(),
    }


def test_a_file_that_was_linked_but_not_removed_is_recognised(outputs: Path) -> None:
    staging = Staging(outputs, ATTEMPT)
    manifest = commit(staging, outputs / "day" / "cat", b"one")
    (outputs / "day").mkdir()
    for move in manifest.moves:
        (outputs / move.target).hardlink_to(outputs / ".staging" / ATTEMPT / move.staged)
    assert staging.place(manifest)
    assert set(named_files(outputs)) == {"cat-1.png", "cat" + SIDECAR}


def test_a_name_that_another_job_has_taken_is_left_to_it(outputs: Path) -> None:
    staging = Staging(outputs, ATTEMPT)
    manifest = commit(staging, outputs / "day" / "cat", b"one")
    (outputs / "day").mkdir()
    (outputs / "day" / f"cat{SIDECAR}").write_text("of another job")
    assert not staging.place(manifest)
    assert named_files(outputs) == {f"cat{SIDECAR}": b"of another job"}


def test_the_next_free_name_is_found_among_many(outputs: Path) -> None:
    outputs.mkdir()
    for number in range(1, 40):
        stem = "cat" if number == 1 else f"cat ({number})"
        (outputs / f"{stem}{SIDECAR if number % 2 else '.png'}").touch()
    assert free_stem(outputs / "cat", [".png"]).name == "cat (40)"
    assert free_stem(outputs / "dog", [".png"]).name == "dog"
