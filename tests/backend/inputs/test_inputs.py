"""A user uploads the files that a workflow loads."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from backend.core.errors import InvalidRequest, OutOfSpace
from backend.inputs import files
from backend.inputs.files import InputFiles
from tests.support.control_plane import ControlPlane, running_control_plane

pytestmark = pytest.mark.asyncio(loop_scope="module")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(tmp_path_factory.mktemp("workspace")) as pod:
        yield pod


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_an_uploaded_picture_is_shown_and_its_name_is_what_nodes_load(pod: ControlPlane) -> None:
    answer = await pod.client.post("/api/inputs", params={"name": "My Cat.PNG"}, content=PNG)
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert file["name"].startswith("My Cat-")
    assert (file["name"][-4:], file["bytes"], file["media_type"]) == (".png", len(PNG), "image/png")
    shown = await pod.client.get(f"/api/inputs/{file['name']}", headers={"Range": "bytes=0-7"})
    assert (shown.status_code, shown.content) == (206, PNG[:8])
    assert shown.headers["content-disposition"].startswith("inline")
    again = await pod.client.post("/api/inputs", params={"name": "My Cat.PNG"}, content=PNG)
    other = await pod.client.post("/api/inputs", params={"name": "My Cat.PNG"}, content=PNG + b"!")
    assert again.json() == file
    assert other.json()["name"] != file["name"]


@pytest.mark.parametrize("name", ["..%2F..%2Fsecret", "../../../etc/passwd", "gone.png", "%00"])
async def test_only_files_of_the_folder_are_shown(pod: ControlPlane, name: str) -> None:
    assert (await pod.client.get(f"/api/inputs/{name}")).status_code in (400, 404)


async def test_a_drawing_that_may_contain_scripts_is_saved_and_not_opened(pod: ControlPlane) -> None:
    answer = await pod.client.post("/api/inputs", params={"name": "a.svg"}, content=b"<svg/>")
    shown = await pod.client.get(f"/api/inputs/{answer.json()['name']}")
    assert shown.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ["..", "/", ".hidden"])
async def test_names_are_made_safe_or_refused(pod: ControlPlane, name: str) -> None:
    answer = await pod.client.post("/api/inputs", params={"name": name}, content=PNG)
    assert answer.status_code == 400 or "/" not in answer.json()["name"]


async def test_nothing_is_left_of_uploads_that_fail_or_were_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = InputFiles(tmp_path / "input")
    with pytest.raises(InvalidRequest, match="empty"):
        await inputs.add("cat.png", chunks(), 0)

    async def broken() -> AsyncIterator[bytes]:
        yield PNG
        raise OSError(28, "No space left on device")

    with pytest.raises(OutOfSpace, match="No space left"):
        await inputs.add("cat.png", broken(), 0)
    left = tmp_path / "input/.uploading/left"
    left.write_bytes(PNG)
    os.utime(left, (time.time() - 2 * files.ABANDONED_SECONDS,) * 2)
    added = await inputs.add("cat.png", chunks(PNG[:50], PNG[50:]), len(PNG))
    found = [path.name for path in (tmp_path / "input").rglob("*") if path.is_file()]
    assert found == [added.name]
    with pytest.raises(OutOfSpace, match="Storage page"):
        await inputs.add("film.mp4", chunks(PNG), 10**18)
