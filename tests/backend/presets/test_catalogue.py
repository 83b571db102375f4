"""A user searches for a preset and downloads it."""

import asyncio
from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

PRESET = """
id: two-files
title: Two files
category: Test
files:
  - folder: vae
    filename: first.safetensors
    url: {first}
  - folder: loras
    filename: second.safetensors
    url: {second}
"""


@pytest.fixture
def definitions(tmp_path: Path, hub: Hub) -> Path:
    """Return a folder with one preset of two small files."""
    folder = tmp_path / "presets"
    folder.mkdir()
    urls = {
        name: hub.url_of(hub.add("acme/models", f"{name}.safetensors", safetensors(50_000, seed=seed)))
        for seed, name in enumerate(("first", "second"))
    }
    (folder / "two-files.yaml").write_text(PRESET.format(**urls))
    return folder


@pytest.fixture
async def pod(workspace: Path, hub: Hub, definitions: Path):  # type: ignore[no-untyped-def]
    async with running_control_plane(workspace, **hub_settings(hub), presets_dir=definitions) as plane:
        yield plane


async def test_the_catalogue_lists_official_workflows_and_curated_presets(pod: ControlPlane) -> None:
    found = (await pod.client.get("/api/presets", params={"limit": 1000})).json()
    origins = [entry["preset"]["origin"] for entry in found]
    assert origins.count("official") > 200
    assert origins.count("curated") == 1
    assert all(entry["preset"]["files"] for entry in found)


async def test_every_word_of_a_search_counts(pod: ControlPlane) -> None:
    titles = [
        entry["preset"]["title"]
        for entry in (await pod.client.get("/api/presets", params={"q": "TWO files"})).json()
    ]
    assert titles[0] == "Two files"
    assert (await pod.client.get("/api/presets", params={"q": "two files nowhere"})).json() == []


async def test_the_catalogue_comes_in_pages(pod: ControlPlane) -> None:
    whole = (await pod.client.get("/api/presets", params={"q": "image", "limit": 1000})).json()
    paged, query = [], "/api/presets?q=image&limit=50"
    while query:
        answer = await pod.client.get(query)
        paged += answer.json()
        query = answer.links.get("next", {}).get("url", "")
    assert paged == whole
    assert len(whole) > 50


async def test_an_unchanged_list_is_confirmed_and_a_changed_one_is_sent(pod: ControlPlane) -> None:
    """Files, transfers and definitions change the list."""

    async def tag_of(tag: str) -> str:
        answer = await pod.client.get("/api/presets", headers={"If-None-Match": tag})
        assert answer.status_code == (304 if answer.headers["ETag"] == tag else 200)
        return str(answer.headers["ETag"])

    first = await tag_of("")
    assert await tag_of(first) == first
    (pod.models / "vae").mkdir(parents=True)
    (pod.models / "vae/first.safetensors").write_bytes(bytes(50_000))
    second = await tag_of(first)
    assert second != first
    (listed,) = (await pod.client.get("/api/presets", params={"q": "two files"})).json()
    assert (listed["state"], listed["installed_files"]) == ("partial", 1)
    await pod.client.post("/api/presets/update")
    third = await tag_of(second)
    assert third != second
    (pod.models / "vae/first.safetensors").unlink()
    await fetch_all(pod, "two-files")
    assert await tag_of(third) != third
    assert 'href="/presets/two-files"' in (await pod.client.get("/presets?q=two&installed=true")).text


async def test_categories_count_their_presets(pod: ControlPlane) -> None:
    categories = {
        entry["name"]: entry["presets"] for entry in (await pod.client.get("/api/presets/categories")).json()
    }
    assert categories["Test"] == 1
    listed = (await pod.client.get("/api/presets", params={"category": "Video", "limit": 1000})).json()
    assert len(listed) == categories["Video"]


async def test_a_preset_is_downloaded_file_by_file_and_then_installed(pod: ControlPlane) -> None:
    assert (await pod.client.get("/api/presets/two-files/status")).json()["state"] == "missing"
    answer = await pod.client.post("/api/presets/two-files/download")
    assert answer.status_code == 202
    for transfer in answer.json():
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    status = (await pod.client.get("/api/presets/two-files/status")).json()
    assert (status["state"], status["installed_files"], status["received"]) == ("installed", 2, 100_000)
    listed = (await pod.client.get("/api/presets", params={"installed": True})).json()
    assert [entry["preset"]["id"] for entry in listed] == ["two-files"]
    assert (await pod.client.post("/api/presets/two-files/download")).json() == []


async def fetch_all(pod: ControlPlane, preset_id: str) -> None:
    for transfer in (await pod.client.post(f"/api/presets/{preset_id}/download")).json():
        assert (await pod.finished(transfer["id"]))["state"] == "done"


async def files_of(pod: ControlPlane, preset_id: str = "two-files") -> list[tuple[str, bool]]:
    """Return the state of each file, and whether it is verified."""
    status = (await pod.client.get(f"/api/presets/{preset_id}/status", params={"ask": True})).json()
    return [(file["state"], file["verified"]) for file in status["files"]]


async def test_verified_describes_the_file_and_not_the_history(pod: ControlPlane) -> None:
    await fetch_all(pod, "two-files")
    await pod.client.post("/api/downloads/clear")
    assert await files_of(pod) == [("installed", True), ("installed", True)]
    assert (await pod.client.get("/presets/two-files")).text.count("· verified") == 2
    first = pod.models / "vae/first.safetensors"
    first.write_bytes(bytes(first.stat().st_size))
    assert await files_of(pod) == [("installed", False), ("installed", True)]


async def test_a_different_file_of_the_same_name_does_not_count_as_installed(pod: ControlPlane) -> None:
    first = pod.models / "vae/first.safetensors"
    first.parent.mkdir(parents=True)
    first.write_bytes(b"my own!")
    await fetch_all(pod, "two-files")
    assert await files_of(pod) == [("other", False), ("installed", True)]
    assert (await pod.client.get("/api/presets", params={"installed": True})).json() == []
    page = (await pod.client.get("/presets/two-files")).text
    assert "Shorter than published: 7 B instead of 50.0 kB" in page
    refused = await pod.client.post("/api/presets/two-files/download")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "another_file")
    deleted = (await pod.client.delete("/api/presets/two-files")).json()
    assert [file["filename"] for file in deleted] == ["second.safetensors"]
    assert first.read_bytes() == b"my own!"
    answer = await pod.client.post("/api/presets/two-files/download", params={"replace": True})
    for transfer in answer.json():
        assert (await pod.finished(transfer["id"]))["state"] == "done"
    assert await files_of(pod) == [("installed", True), ("installed", True)]
    assert (first.parent / "first.aside-1.safetensors").read_bytes() == b"my own!"


async def test_cancelling_keeps_installed_files(pod: ControlPlane, hub: Hub) -> None:
    second = hub.repository("acme/models").files("main")["second.safetensors"]
    mine = pod.models / "vae/first.safetensors"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(hub.repository("acme/models").files("main")["first.safetensors"].content.read(0, 50_000))
    gate = hub.hold(second, after=20_000)
    (transfer,) = (await pod.client.post("/api/presets/two-files/download")).json()
    await asyncio.to_thread(gate.wait_until_reached)
    page = (await pod.client.get("/presets/two-files")).text
    assert 'hx-post="/presets/two-files/cancel"' in page
    assert "hx-delete" not in page
    cancelled = (await pod.client.post("/api/presets/two-files/cancel")).json()
    gate.release()
    assert [(entry["id"], entry["state"]) for entry in cancelled] == [(transfer["id"], "cancelled")]
    assert (await pod.finished(transfer["id"]))["state"] == "cancelled"
    assert mine.exists()
    assert pod.leftovers() == []
    page = (await pod.client.get("/presets/two-files")).text
    assert 'hx-confirm="Delete first.safetensors (50.0 kB)?"' in page


async def test_deleting_keeps_files_of_a_preset_that_is_being_downloaded(
    pod: ControlPlane, hub: Hub, definitions: Path
) -> None:
    third = hub.add("acme/models", "third.safetensors", safetensors(50_000, seed=3))
    text = (definitions / "two-files.yaml").read_text()
    other = text.replace("two-files", "other").replace("second.safetensors", "third.safetensors")
    (definitions / "other.yaml").write_text(other)
    await pod.client.post("/api/presets/update")
    await fetch_all(pod, "two-files")
    gate = hub.hold(third, after=20_000)
    (transfer,) = (await pod.client.post("/api/presets/other/download")).json()
    await asyncio.to_thread(gate.wait_until_reached)
    deleted = (await pod.client.delete("/api/presets/two-files")).json()
    gate.release()
    assert [file["filename"] for file in deleted] == ["second.safetensors"]
    await pod.finished(transfer["id"])
    assert await files_of(pod, "other") == [("installed", True), ("installed", True)]


async def test_deleting_keeps_files_of_another_installed_preset(pod: ControlPlane, definitions: Path) -> None:
    text = (definitions / "two-files.yaml").read_text()
    shared = text.replace("two-files", "one-file").split("  - folder: loras")[0]
    (definitions / "one-file.yaml").write_text(shared)
    await pod.client.post("/api/presets/update")
    for transfer in (await pod.client.post("/api/presets/two-files/download")).json():
        await pod.finished(transfer["id"])
    deleted = (await pod.client.delete("/api/presets/two-files")).json()
    assert [file["filename"] for file in deleted] == ["second.safetensors"]
    assert (await pod.client.get("/api/presets/one-file/status")).json()["state"] == "installed"


async def test_deleting_cancels_downloads(pod: ControlPlane, hub: Hub) -> None:
    first = hub.repository("acme/models").files("main")["first.safetensors"]
    gate = hub.hold(first, after=20_000)
    transfers = (await pod.client.post("/api/presets/two-files/download")).json()
    await asyncio.to_thread(gate.wait_until_reached)
    await pod.client.delete("/api/presets/two-files")
    gate.release()
    held = next(transfer for transfer in transfers if transfer["filename"] == "first.safetensors")
    assert (await pod.finished(held["id"]))["state"] == "cancelled"
    assert pod.leftovers() == []
    assert not (pod.models / "vae/first.safetensors").exists()


async def test_an_unknown_id_is_named_in_the_error(pod: ControlPlane) -> None:
    for call in (pod.client.get, pod.client.delete):
        answer = await call("/api/presets/no-such-thing")
        assert answer.status_code == 404
        assert "no-such-thing" in answer.json()["error"]["message"]


async def test_a_preset_that_does_not_fit_on_the_disk_is_refused(
    pod: ControlPlane, definitions: Path
) -> None:
    text = (definitions / "two-files.yaml").read_text().replace("two-files", "huge")
    (definitions / "huge.yaml").write_text(text + "    bytes: 900000000000000\n")
    await pod.client.post("/api/presets/update")
    answer = await pod.client.post("/api/presets/huge/download")
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "out_of_space")
    assert "Free " in answer.json()["error"]["message"]
    assert (await pod.client.get("/api/downloads")).json() == []


BROKEN = [
    ("id: [unclosed\n", 2, "This is not YAML"),
    ("- a list\n", 1, "does not hold a preset"),
    ("id: Bad Id\ntitle: x\ncategory: y\nfiles: []\n", 1, "id: "),
    (PRESET.format(first="https://a.example/f", second="https://a.example/s").replace("folder: vae", "folder: etc"), 6, "not a model folder"),
    (PRESET.format(first="ftp://a.example/f", second="https://a.example/s"), 8, "url"),
    (PRESET.format(first="https://a.example/f?token=s3cret", second="https://a.example/s"), 6, "holds a token"),
    (PRESET.format(first="https://a.example/f", second="https://a.example/s#signed"), 9, "holds a token"),
    (PRESET.format(first="https://a.example/f", second="https://a.example/s").replace("second.safetensors", '"\\e[2J.pt"'), 10, "cannot be a file name"),
    ("gated: !!bool maybe\n", 1, "cannot be read"),
    ("vram_gb: !!int ''\n", 1, "cannot be read"),
    ("\ntitle: !!timestamp soon\n", 2, "cannot be read"),
    ("a: &a [x]\nb: *a\n", 1, "aliases"),
    ("files:\n  - {<<: {folder: vae}}\n", 2, "merge keys"),
    (f"id: big\ntitle: x\ncategory: y\ndisk_bytes: 1{'0' * 400}\n", 4, "disk_bytes"),
    ("id: many\ntitle: x\ncategory: y\nfiles:\n" + "  - {folder: vae, filename: x.pt, url: 'https://a.example/f'}\n" * 1001, 5, "files"),
    ("# " + "x" * 2**20, None, "too large"),
]  # fmt: skip


async def test_a_mistake_in_a_file_is_reported_with_its_line(pod: ControlPlane, definitions: Path) -> None:
    for number, (text, _, _) in enumerate(BROKEN):
        (definitions / f"broken-{number}.yaml").write_text(text)
    answer = await pod.client.post("/api/presets/update")
    assert "s3cret" not in answer.text
    problems = {problem["file"]: problem for problem in reversed(answer.json()["problems"])}
    for number, (text, line, reason) in enumerate(BROKEN):
        problem = problems[f"broken-{number}.yaml"]
        assert problem["line"] == line, text[:200]
        assert reason in problem["message"]
    assert (await pod.client.get("/api/presets/two-files")).status_code == 200


async def test_a_pod_starts_with_a_broken_definition(workspace: Path, hub: Hub, definitions: Path) -> None:
    (definitions / "broken.yaml").write_text("gated: !!bool maybe\n")
    async with running_control_plane(workspace, **hub_settings(hub), presets_dir=definitions) as pod:
        assert (await pod.client.get("/api/presets/two-files")).status_code == 200


async def test_presets_in_preset_download_are_installed_after_start(
    workspace: Path, hub: Hub, definitions: Path
) -> None:
    settings = hub_settings(hub) | {"presets_dir": definitions, "preset_download": ("unknown", "two-files")}
    async with running_control_plane(workspace, **settings) as pod, pod.socket("/ws/downloads") as frames:
        async for _ in frames:
            if (await pod.client.get("/api/presets/two-files/status")).json()["state"] == "installed":
                break
    assert (workspace / "ComfyUI/models/loras/second.safetensors").exists()


async def test_deleting_does_not_follow_a_link_out_of_the_workspace(
    pod: ControlPlane, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("first", "second"):
        (elsewhere / f"{name}.safetensors").write_bytes(bytes(50_000))
    pod.models.mkdir(parents=True)
    (pod.models / "vae").symlink_to(elsewhere)
    (pod.models / "loras").mkdir()
    (pod.models / "loras/second.safetensors").symlink_to(elsewhere / "second.safetensors")
    deleted = (await pod.client.delete("/api/presets/two-files")).json()
    assert [file["filename"] for file in deleted] in ([], ["second.safetensors"])
    assert sorted(path.name for path in elsewhere.iterdir()) == ["first.safetensors", "second.safetensors"]


async def test_a_list_shows_that_all_downloads_were_paused(pod: ControlPlane, hub: Hub) -> None:
    async def state() -> str:
        shown = (await pod.client.get("/api/presets", params={"q": "two files"})).json()
        return str(shown[0]["state"])

    hub.throttle(1_000)
    (await pod.client.post("/api/presets/two-files/download")).raise_for_status()
    assert await state() == "downloading"
    (await pod.client.post("/api/downloads/pause")).raise_for_status()
    assert await state() == "missing"
