"""The storage page: its filters, and what it does with selected files, requested as htmx does."""

import asyncio
import json
import re
from pathlib import Path

from tests.support.control_plane import ControlPlane

FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}


def add(pod: ControlPlane, path: str, content: bytes) -> Path:
    file = pod.models / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


async def page(pod: ControlPlane, **query: str) -> str:
    answer = await pod.client.get("/storage", params=query, headers=FRAGMENT)
    assert answer.status_code == 200, answer.text
    return answer.text


async def names(pod: ControlPlane, **query: str) -> list[str]:
    return sorted(re.findall(r'<p class="row-title">([^<]+)</p>', await page(pod, **query)))


async def selected(pod: ControlPlane, action: str = "", **form: object) -> str:
    """Return the bar of the selection, or the toast of an action."""
    answer = await pod.client.post(f"/storage/selected{action}", data=form, headers=FRAGMENT)
    assert answer.status_code in (200, 204), answer.text
    if not action:
        return re.sub(r"\s+", " ", answer.text)
    message: str = json.loads(answer.headers["HX-Trigger"])["toast"]["message"]
    return message


async def verify(pod: ControlPlane, *paths: str) -> None:
    """Verify files, and return once all of them were read."""
    listed = ""
    while not all(f'data-select="{path}"' in listed for path in paths):
        listed = await page(pod)  # the index compares directories with the disk every few milliseconds
    async with asyncio.timeout(30), pod.socket("/ws/storage") as frames:
        message = await selected(pod, "/verify", path=paths)
        assert message.startswith(f"Verifying {len(paths)} file"), message
        async for frame in frames:
            if json.loads(frame)["type"] == "models" and 'id="reading"' not in await page(pod):
                return


async def test_files_are_shown_by_what_is_wrong_with_them(pod: ControlPlane) -> None:
    add(pod, "vae/ae.safetensors", b"not the one of FLUX")
    add(pod, "loras/ink.safetensors", b"ink" * 1000)
    copy = add(pod, "loras/copy.safetensors", b"ink" * 1000)
    (pod.models / "loras/second-name.safetensors").hardlink_to(copy)
    add(pod, "loras/half.safetensors.part", b"half")
    add(pod, "loras/bad.safetensors.mismatch.part", b"bad")
    everything = ["ae", "copy", "ink", "second-name"]
    assert await names(pod) == [f"{name}.safetensors" for name in everything]
    assert await names(pod, show="wrong") == ["ae.safetensors"]
    assert await names(pod, show="unused") == [f"{name}.safetensors" for name in everything[1:]]
    assert await names(pod, show="unverified") == await names(pod)
    assert await names(pod, show="duplicate") == []
    await verify(pod, "loras/ink.safetensors", "loras/copy.safetensors")
    assert await names(pod, show="duplicate") == ["copy.safetensors", "ink.safetensors"]
    assert await names(pod, show="partial") == ["half.safetensors.part"]
    assert await names(pod, show="quarantined") == ["bad.safetensors.mismatch.part"]
    assert await names(pod, folder="vae") == ["ae.safetensors"]


async def test_the_content_of_hard_links_is_freed_once_and_only_with_the_last_name(pod: ControlPlane) -> None:
    first = add(pod, "loras/first.safetensors", b"x" * 4000)
    (pod.models / "loras/second.safetensors").hardlink_to(first)
    add(pod, "loras/other.safetensors", b"y" * 1000)
    both = ["loras/first.safetensors", "loras/second.safetensors"]
    assert "deleting frees 0 B" in await selected(pod, path=both[:1])
    assert "2 files selected</span>" in await selected(pod, path=both)
    assert "deleting frees 4.0 kB" in await selected(pod, path=both)
    assert "deleting frees 5.0 kB" in await selected(pod, path=[*both, "loras/other.safetensors"])
    assert (await selected(pod, path=["loras/gone.safetensors"])).strip() == ""


async def test_files_go_to_the_trash_and_come_back(pod: ControlPlane) -> None:
    file = add(pod, "loras/ink.safetensors", b"ink")
    answer = await pod.client.post(
        "/storage/selected/trash", data={"path": "loras/ink.safetensors"}, headers=FRAGMENT
    )
    undo = json.loads(answer.headers["HX-Trigger"])["toast"]["action"]["url"]
    assert not file.exists()
    assert await names(pod, show="trash") == ["loras/ink.safetensors"]
    assert (await pod.client.post(undo, headers=FRAGMENT)).status_code == 204
    assert file.read_bytes() == b"ink"
    await selected(pod, "/trash", path="loras/ink.safetensors")
    assert (await pod.client.post("/trash/empty", headers=FRAGMENT)).status_code == 204
    assert await names(pod, show="trash") == []
    assert "The trash is empty" in await page(pod, show="trash")


async def test_a_moved_file_keeps_its_hash_and_overwrites_nothing(pod: ControlPlane) -> None:
    add(pod, "checkpoints/ink.safetensors", b"ink")
    taken = add(pod, "loras/taken.safetensors", b"mine")
    add(pod, "checkpoints/taken.safetensors", b"other")
    await verify(pod, "checkpoints/ink.safetensors")
    paths = ["checkpoints/ink.safetensors", "checkpoints/taken.safetensors"]
    message = await selected(pod, "/move", path=paths, folder="loras")
    assert message == "Moved 1 file to loras. loras already contains taken.safetensors."
    assert (pod.models / "loras/ink.safetensors").read_bytes() == b"ink"
    assert taken.read_bytes() == b"mine"
    assert await names(pod, show="unverified") == ["taken.safetensors", "taken.safetensors"]
    answer = await pod.client.post(
        "/storage/selected/move", data={"path": paths[1], "folder": "../../etc"}, headers=FRAGMENT
    )
    assert answer.status_code == 400


async def test_copies_share_their_bytes_and_keep_their_names(pod: ControlPlane) -> None:
    paths = [f"loras/{name}.safetensors" for name in ("one", "two", "changed")]
    files = [add(pod, path, b"same content") for path in paths]
    assert "Verify them first" in await selected(pod, "/link", path=paths)
    await verify(pod, *paths)
    files[2].write_bytes(b"other content now")
    assert await selected(pod, "/link", path=paths) == "Linked 1 file, 12 B freed."
    assert files[0].stat().st_ino == files[1].stat().st_ino
    assert files[2].read_bytes() == b"other content now"
    assert [file.read_bytes() for file in files[:2]] == [b"same content"] * 2
    assert await names(pod, show="duplicate") == []


async def test_the_treemap_counts_a_content_once_and_sums_up_small_files(pod: ControlPlane) -> None:
    large = add(pod, "checkpoints/large.safetensors", b"x" * 5000)
    (pod.models / "checkpoints/link.safetensors").hardlink_to(large)
    for number in range(310):
        add(pod, f"loras/style/{number:03}.safetensors", b"y" * (100 + number))
    tree = (await pod.client.get("/storage/tree")).json()
    sizes = {
        folder["name"]: sum(child["bytes"] for child in folder["children"]) for folder in tree["children"]
    }
    assert sizes == {"checkpoints": 5000, "loras": sum(100 + number for number in range(310))}
    (loras,) = [folder for folder in tree["children"] if folder["name"] == "loras"]
    assert loras["children"][-1]["name"] == "11 smaller files"
