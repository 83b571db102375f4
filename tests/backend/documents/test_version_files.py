"""Versions on a volume that other pods use, and that may be full or damaged."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.core import clock
from backend.core.errors import AppError, CannotRecord, Conflict, NotFound
from backend.documents.models import Version, new_id
from backend.documents.version_files import MAX_VERSIONS, VersionFiles
from backend.workflows.graph import WorkflowFormat


def version(number: int) -> Version:
    return Version(
        number=number, name="Cat", author="owner", reason="Test", format=WorkflowFormat.API, nodes=1, created_at=clock.now()
    )  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> VersionFiles:
    return VersionFiles(tmp_path)


def test_of_two_pods_exactly_one_writes_a_version(files: VersionFiles, tmp_path: Path) -> None:
    document = new_id()
    files.add(document, version(1), {"by": 0})

    def write(pod: int) -> bool:
        try:
            VersionFiles(tmp_path).add(document, version(2), {"by": pod})
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pods:
        written = list(pods.map(write, range(8)))
    assert written.count(True) == 1
    assert files.read(document).document == {"by": written.index(True)}
    assert sorted(path.name for path in (tmp_path / document).iterdir()) == ["1.json.gz", "2.json.gz"]


def test_damaged_files_are_reported_and_hide_no_other_version(files: VersionFiles, tmp_path: Path) -> None:
    document = new_id()
    for number in (1, 2):
        files.add(document, version(number), {"number": number})
    whole = (tmp_path / document / "2.json.gz").read_bytes()
    for damaged in (b"", whole[:-9], b"no gzip", gzip.compress(b"{}\n{}"), gzip.compress(b"\xff")):
        (tmp_path / document / "2.json.gz").write_bytes(damaged)
        with pytest.raises(NotFound, match="Version 2 of the workflow cannot be read"):
            files.read(document)
    assert files.read(document, 1).document == {"number": 1}


@pytest.mark.parametrize("name", ["", "..", "../secret", "a" * 32 + "/..", "A" * 32, "x" * 500])
def test_ids_that_are_none_lead_nowhere(files: VersionFiles, name: str) -> None:
    with pytest.raises(NotFound):
        files.read(name)
    with pytest.raises(NotFound):
        files.delete(name)


def test_the_number_of_versions_is_limited(files: VersionFiles) -> None:
    with pytest.raises(Conflict, match="Copy it"):
        files.add(new_id(), version(MAX_VERSIONS + 1), {})


def test_a_document_that_another_pod_has_deleted_gets_no_new_version(files: VersionFiles) -> None:
    document = new_id()
    files.add(document, version(1), {})
    files.delete(document)
    with pytest.raises(NotFound):
        files.add(document, version(2), {})
    assert files.modified() == {}


def test_an_interrupted_deletion_is_completed(files: VersionFiles, tmp_path: Path) -> None:
    (tmp_path / ".deleted-1" / "inner").mkdir(parents=True)
    files.remove_leftovers()
    assert list(tmp_path.iterdir()) == []


def test_a_volume_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files = VersionFiles(tmp_path / "file")
    with pytest.raises(AppError) as caught:
        files.add(new_id(), version(1), {})
    assert isinstance(caught.value, CannotRecord)
