"""A user moves a preset from one pod to another."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

ABOUT = {"id": "my-pod", "title": "My pod"}
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def file(hub: Hub) -> HubFile:
    return hub.add("acme/style", "ink.safetensors", safetensors(40_000))


async def exported(pod: ControlPlane, hub: Hub, file: HubFile) -> str:
    transfer = await pod.download(url=hub.url_of(file), folder="loras")
    await pod.finished(transfer["id"])
    report = (await pod.client.post("/api/presets/export", json=ABOUT)).json()
    assert (report["hashing"], report["left_out"]) == ([], [])
    return str(report["preset"])


async def add(pod: ControlPlane, text: str | bytes) -> httpx.Response:
    return await pod.client.post("/api/presets/import", content=text)


async def test_an_exported_preset_installs_the_same_files_on_another_pod(
    pod: ControlPlane, hub: Hub, file: HubFile, tmp_path: Path
) -> None:
    text = await exported(pod, hub, file)
    assert file.content.sha256 in text
    async with running_control_plane(tmp_path / "other", **hub_settings(hub)) as other:
        assert (await add(other, text)).status_code == 201
        for transfer in (await other.client.post("/api/presets/my-pod/download")).json():
            assert (await other.finished(transfer["id"]))["verification"] == "verified"
        assert (await other.client.get("/api/presets/my-pod/status")).json()["state"] == "installed"


async def test_a_preset_is_imported_from_a_url(pod: ControlPlane, hub: Hub, file: HubFile) -> None:
    text = await exported(pod, hub, file)
    url = hub.url_of(hub.add_plain("my-pod.yaml", text.encode()))
    answer = await pod.client.post("/api/presets/import", params={"url": url})
    assert (answer.status_code, answer.json()["origin"]) == (201, "added")


async def test_an_imported_preset_survives_a_restart(workspace: Path, hub: Hub, file: HubFile) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await add(pod, await exported(pod, hub, file))).status_code == 201
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await pod.client.get("/api/presets/my-pod")).json()["title"] == "My pod"


async def test_a_file_without_a_known_url_is_left_out(pod: ControlPlane) -> None:
    (pod.models / "loras").mkdir(parents=True)
    (pod.models / "loras/mine.safetensors").write_bytes(b"my own")
    report = (await pod.client.post("/api/presets/export", json=ABOUT)).json()
    assert (report["preset"], report["hashing"]) == (None, [])
    assert report["left_out"] == ["loras/mine.safetensors"]
    assert (report["bytes"], report["hashed"]) == (6, 6)


async def test_a_changed_file_is_left_out(pod: ControlPlane, hub: Hub, file: HubFile) -> None:
    await exported(pod, hub, file)
    (pod.models / "loras/ink.safetensors").write_bytes(b"trained further")
    report = (await pod.client.post("/api/presets/export", json=ABOUT)).json()
    assert report["left_out"] == ["loras/ink.safetensors"]


async def test_a_preset_of_comfypod_cannot_be_replaced(pod: ControlPlane, hub: Hub, file: HubFile) -> None:
    text = (await exported(pod, hub, file)).replace("my-pod", "sd-1-5")
    answer = await add(pod, text)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "id_taken")


async def test_an_imported_preset_is_removed_and_its_files_stay(
    pod: ControlPlane, hub: Hub, file: HubFile
) -> None:
    await add(pod, await exported(pod, hub, file))
    assert (await pod.client.delete("/api/presets/my-pod/definition")).status_code == 204
    assert (await pod.client.get("/api/presets/my-pod")).status_code == 404
    assert (await pod.client.delete("/api/presets/my-pod/definition")).status_code == 404
    assert (pod.models / "loras/ink.safetensors").exists()


async def test_a_preset_of_comfypod_cannot_be_removed(pod: ControlPlane) -> None:
    answer = await pod.client.delete("/api/presets/sd-1-5/definition")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_added")


async def test_a_definition_that_was_added_by_hand_is_not_deleted(
    pod: ControlPlane, hub: Hub, file: HubFile, workspace: Path
) -> None:
    text = await exported(pod, hub, file)
    await add(pod, text)
    (kept,) = workspace.rglob("presets/my-pod.yaml")
    kept.rename(kept.with_name("by-hand.yaml"))
    await pod.client.post("/api/presets/update")
    answer = await pod.client.delete("/api/presets/my-pod/definition")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_added")
    assert kept.with_name("by-hand.yaml").read_text() == text


@pytest.mark.parametrize("taken", ["export", "categories"])
async def test_a_preset_cannot_have_the_id_of_a_page(
    pod: ControlPlane, hub: Hub, file: HubFile, taken: str
) -> None:
    answer = await add(pod, (await exported(pod, hub, file)).replace("my-pod", taken))
    assert answer.status_code == 400
    assert "is the path of a page" in answer.json()["error"]["message"]


async def test_the_page_exports_selected_files(pod: ControlPlane, hub: Hub, file: HubFile) -> None:
    await exported(pod, hub, file)
    (pod.models / "loras/mine.safetensors").write_bytes(b"my own")
    assert "mine.safetensors" in (await pod.client.get("/presets/export")).text
    form = {**ABOUT, "category": "Mine", "file": ["loras/ink.safetensors"]}
    html = (await pod.client.post("/presets/export", data=form, headers=FRAGMENT)).text
    assert str(file.content.sha256) in html
    assert "mine.safetensors" not in html
    form["file"] = ["loras/mine.safetensors"]
    html = (await pod.client.post("/presets/export", data=form, headers=FRAGMENT)).text
    assert "there is nothing to export" in html


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({**ABOUT, "category": "x"}, "Select at least one file"),
        ({"id": "Not An Id", "title": "x", "category": "x", "file": "a/b"}, "id: "),
        ({"id": "../../etc", "title": "x", "category": "x", "file": "a/b"}, "id: "),
        ({"file": "a/b"}, "id: "),
    ],
)
async def test_an_incomplete_export_form_says_what_is_missing(
    pod: ControlPlane, form: dict[str, str], said: str
) -> None:
    answer = await pod.client.post("/presets/export", data=form, headers=FRAGMENT)
    assert answer.status_code == 400
    assert said in answer.headers["HX-Trigger"]


async def test_the_page_imports_a_file_a_text_or_a_url(pod: ControlPlane, hub: Hub, file: HubFile) -> None:
    text = await exported(pod, hub, file)
    url = hub.url_of(hub.add_plain("my-pod.yaml", text.encode()))
    forms: list[tuple[str, dict[str, str]]] = [(text, {}), ("", {"text": text}), ("", {"url": f" {url} "})]
    for content, fields in forms:
        answer = await pod.client.post(
            "/presets/import", files={"file": ("my-pod.yaml", content)}, data=fields, headers=FRAGMENT
        )
        assert answer.headers["HX-Redirect"] == "/presets/my-pod"
        html = (await pod.client.get("/presets/my-pod")).text
        assert "Imported on this pod" in html
        answer = await pod.client.delete("/presets/my-pod/definition", headers=FRAGMENT)
        assert answer.headers["HX-Redirect"] == "/presets"
    answer = await pod.client.post("/presets/import", data={"text": " "}, headers=FRAGMENT)
    assert "give a URL" in answer.headers["HX-Trigger"]


async def test_the_page_reads_the_definitions_again(pod: ControlPlane) -> None:
    folder = pod.settings.state_folder / "presets"
    folder.mkdir(parents=True)
    (folder / "odd.yaml").write_text("- no preset")
    answer = await pod.client.post("/presets/update", headers=FRAGMENT)
    assert "presets, 0 added, 0 removed." in answer.headers["HX-Trigger"]
    assert "odd.yaml, line 1" in answer.text


# Each line doubles the data of the previous one: 900 bytes of such lines would fill any memory.
MULTIPLYING = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 30)
)
NO_PRESETS = [
    b"", b"\xff\xfe", b"just words", b"id: ../../evil", b"[" * 100_000, b"a: &a [*a]", b"x: 2026-99-99", bytes(2**20 + 1),
    b"gated: !!bool maybe", b"vram_gb: !!int ''", b"title: !!timestamp soon", b'title: "\\ud800"', MULTIPLYING.encode(),
]  # fmt: skip


async def test_invalid_definitions_are_refused_and_not_saved(pod: ControlPlane, workspace: Path) -> None:
    for content in NO_PRESETS:
        answer = await add(pod, content)
        assert answer.status_code == 400, content[:100]
    assert list(workspace.rglob("presets/*.yaml")) == []


async def test_a_preset_with_a_secret_in_a_url_is_refused(
    pod: ControlPlane, hub: Hub, file: HubFile, workspace: Path
) -> None:
    text = await exported(pod, hub, file)
    for secret in ("?token=s3cret-value", "?md5=s3cret-value&expires=1", "#signed"):
        url = hub.url_of(file)
        answer = await add(pod, text.replace(url, url + secret))
        assert answer.status_code == 400, secret
        assert "remove it" in answer.text
        assert "s3cret-value" not in answer.text
    assert list(workspace.rglob("presets/*.yaml")) == []


async def test_only_urls_that_work_on_another_pod_are_exported(pod: ControlPlane, hub: Hub) -> None:
    hub.add_civitai(7, "bird.safetensors", safetensors(30_000))
    plain = hub.add_plain("fish.safetensors", safetensors(20_000))
    narrowed = f"{hub.civitai_url}/api/download/models/7?type=Model"
    signed = hub.url_of(plain) + "?md5=abc&expires=9999999999"
    for url, name in ((narrowed, "bird.safetensors"), (signed, "fish.safetensors")):
        transfer = await pod.download(url=url, folder="loras", filename=name)
        assert (await pod.finished(transfer["id"]))["state"] == "done"
    report = (await pod.client.post("/api/presets/export", json=ABOUT)).json()
    assert report["left_out"] == ["loras/fish.safetensors"]
    assert narrowed in report["preset"]


async def test_a_server_that_does_not_respond_is_given_up(workspace: Path, hub: Hub) -> None:
    never = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/preset.yaml"
    settings = {**hub_settings(hub), "download_allowed_hosts": ("127.0.0.1",), "answer_seconds": 0.05}
    async with server, running_control_plane(workspace, **settings) as pod:
        for answer in (
            await pod.client.post("/api/presets/import", params={"url": url}),
            await pod.client.post("/api/sources/listing", json={"url": url}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (502, "no_answer")
        never.set()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:22/preset.yaml", "http://169.254.169.254/", "file:///etc/passwd"]
)
async def test_a_url_inside_the_pod_is_refused(pod: ControlPlane, url: str) -> None:
    answer = await pod.client.post("/api/presets/import", params={"url": url})
    assert answer.status_code == 400, answer.text


async def test_invalid_urls_are_refused(pod: ControlPlane) -> None:
    for url in ("https://a..b/x", "http://[", "http://example.org:99999/", "https://exa mple.org/\x00"):
        answer = await pod.client.post("/api/presets/import", params={"url": url})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_url"), url
        look = await pod.client.post("/api/sources/listing", json={"url": url})
        assert (look.status_code, look.json()["error"]["code"]) == (400, "bad_url"), url
