"""The ComfyUI stand-in does what the real one does, good and bad.

What the client relies on is tested at both: tests/backend/comfy/test_contract.py.
"""

import io
import json
import signal
import struct
import subprocess
import sys
import time
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.support.comfyui.graphs import node, picture, through
from tests.support.comfyui.process import MAIN, ComfyUI, running, running_comfyui

PACKAGE = """
class Mine:
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}


NODE_CLASS_MAPPINGS = {"Extra/Node (mine)": Mine, "Broken": type("Broken", (), {})}
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("comfyui")


@pytest.fixture(scope="module")
def url(base: Path) -> Iterator[str]:
    with running(ComfyUI(base).with_test_nodes()) as comfyui:
        yield comfyui.url


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url) as http:
        yield http


def ended(http: httpx.Client, graph: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Its entry in the history. Asking until then is all that a client without a socket can do."""
    prompt_id = http.post("/prompt", json={"prompt": graph, **body}).json()["prompt_id"]
    while not (found := http.get(f"/history/{prompt_id}").json()):
        time.sleep(0.01)
    entry: dict[str, Any] = found[prompt_id]
    return entry


def content(http: httpx.Client, item: dict[str, str]) -> bytes:
    return http.get("/view", params=item).raise_for_status().content


# Access and description


def test_every_route_answers_bare_and_below_api(url: str) -> None:
    for prefix in ("", "/api"):
        assert httpx.get(f"{url}{prefix}/system_stats").json()["system"]["comfyui_version"]
        assert httpx.get(f"{url}{prefix}/queue").json() == {"queue_running": [], "queue_pending": []}


def test_an_unknown_address_is_not_found_or_not_allowed(http: httpx.Client) -> None:
    assert http.get("/api/nothing").status_code == 404
    assert http.post("/api/nothing").status_code == 405


def test_other_sites_and_other_origins_are_refused(url: str) -> None:
    assert httpx.get(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert httpx.get(url, headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert httpx.get(url, headers={"Origin": url}).status_code == 200


def test_off_loopback_the_origin_is_not_looked_at(url: str) -> None:
    headers = {"Host": "pod.example:3001", "Origin": "http://pod.example:4000"}
    assert httpx.get(url, headers=headers).status_code == 200


def test_models_on_disk_are_offered_and_unknown_folders_are_not(http: httpx.Client, base: Path) -> None:
    (base / "models/vae/ae.safetensors").touch()
    (base / "models/vae/half.safetensors.part").touch()
    assert http.get("/models/vae").json() == ["ae.safetensors"]
    assert http.get("/models/nothing").status_code == 404


def test_nodes_are_described_and_unknown_ones_are_not(http: httpx.Client, base: Path) -> None:
    (base / "models/vae/ae.safetensors").touch()
    everything = http.get("/object_info").json()
    assert everything["VAELoader"]["input"]["required"]["vae_name"][0] == ["ae.safetensors"]
    assert everything["VAELoader"]["python_module"] == "nodes"
    assert http.get("/object_info/VAELoader").json() == {"VAELoader": everything["VAELoader"]}
    assert http.get("/object_info/NoSuchNode").json() == {}


def test_nodes_of_installed_packages_are_described_too_unless_that_fails(tmp_path: Path) -> None:
    package = tmp_path / "custom_nodes/comfy-extra"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PACKAGE)
    with running_comfyui(tmp_path) as url:
        one = httpx.get(f"{url}/object_info/Extra%2FNode%20(mine)").json()
        assert one["Extra/Node (mine)"]["python_module"] == "custom_nodes.comfy-extra"
        everything = httpx.get(f"{url}/object_info").json()
        assert "Extra/Node (mine)" in everything
        assert "Broken" not in everything
        assert httpx.get(f"{url}/object_info/Broken").status_code == 500


# Files that it makes


def test_a_png_is_valid_and_says_how_it_was_made(http: httpx.Client) -> None:
    graph = picture(0x204060, size=3)
    workflow: dict[str, Any] = {"nodes": []}
    entry = ended(http, graph, extra_data={"extra_pnginfo": {"workflow": workflow}})
    data = content(http, entry["outputs"]["9"]["images"][0])
    chunks = {}
    at = 8
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + body)
        chunks[name, body.partition(b"\0")[0] if name == b"tEXt" else b""] = body
        at += 12 + size
    assert zlib.decompress(chunks[b"IDAT", b""]) == (b"\0" + bytes.fromhex("204060") * 3) * 3
    assert chunks[b"tEXt", b"workflow"] == b'workflow\0{"nodes": []}'


def test_sound_is_valid(http: httpx.Client) -> None:
    graph = picture(1)
    graph["5"] = node("TestSaveAudio", image=["1", 0])
    entry = ended(http, graph)
    with wave.open(io.BytesIO(content(http, entry["outputs"]["5"]["audio"][0]))) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (8000, 800)


def test_boxes_of_a_video_fit_its_size(http: httpx.Client) -> None:
    graph = picture(2)
    graph["5"] = node("CreateVideo", images=["1", 0], fps=8)
    graph["6"] = node("SaveVideo", video=["5", 0], filename_prefix="v", format="auto", codec="auto")
    entry = ended(http, graph, extra_data={"extra_pnginfo": {"workflow": {}}})
    shown = entry["outputs"]["6"]
    assert shown["animated"] == [True]
    data = content(http, shown["images"][0])
    at, names = 0, []
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        names.append(name)
        at += size
    assert (at, names) == (len(data), [b"ftyp", b"free", b"mdat", b"moov"])


def test_numbers_of_files_go_on_where_they_ended(http: httpx.Client) -> None:
    names = [ended(http, picture(color))["outputs"]["9"]["images"][0]["filename"] for color in (3, 4)]
    first, second = (int(name.split("_")[1]) for name in names)
    assert second == first + 1


def test_any_node_types_can_be_described_and_then_run(tmp_path: Path) -> None:
    image = {"required": {"model": ["MODEL"], "strength": ["FLOAT", {"default": 1.0, "max": 2.0}]}}
    saver = {"required": {"audio": ["AUDIO"], "filename_prefix": ["STRING", {}]}}
    described = {
        "LoadAnything": {
            "input": {"required": {}},
            "output": ["MODEL", "AUDIO"],
            "python_module": "comfy_extras.any",
        },
        "MakeImage": {"input": image, "output": ["IMAGE"]},
        "KeepAudio": {"input": saver, "output": [], "output_node": True},
    }
    (tmp_path / "object_info.json").write_text(json.dumps(described))
    environment = {"FAKE_COMFYUI_OBJECT_INFO": str(tmp_path / "object_info.json")}
    graph = {
        "1": node("LoadAnything"),
        "2": node("MakeImage", model=["1", 0], strength=1),
        "3": node("SaveImage", images=["2", 0], filename_prefix="made"),
        "4": node("KeepAudio", audio=["1", 1], filename_prefix="heard"),
    }
    comfyui = ComfyUI(tmp_path / "base", environment=environment)
    with running(comfyui), httpx.Client(base_url=comfyui.url) as http:
        assert http.get("/object_info/LoadAnything").json()["LoadAnything"]["output"] == [
            "MODEL",
            "AUDIO",
        ]
        outputs = ended(http, graph)["outputs"]
        assert content(http, outputs["3"]["images"][0]).startswith(b"\x89PNG")
        assert content(http, outputs["4"]["audio"][0]).startswith(b"RIFF")
        graph["2"]["inputs"]["strength"] = 3
        refused = http.post("/prompt", json={"prompt": graph}).json()
        assert refused["node_errors"]["2"]["errors"][0]["type"] == "value_bigger_than_max"


# Failures


def test_a_node_whose_input_cannot_be_read_is_executed_every_time(http: httpx.Client, base: Path) -> None:
    """Its mark is no number, and comes back in the history as such."""
    graph = {"1": node("LoadImage", image="gone.png"), "9": node("PreviewAny", source=["1", 1])}
    (base / "input/gone.png").write_bytes(b"picture")
    assert ended(http, graph)["status"]["status_str"] == "success"
    refused = http.post("/prompt", json={"prompt": graph | {"1": node("LoadImage", image="never.png")}})
    about = refused.json()["node_errors"]["1"]["errors"][0]
    assert (about["type"], about["details"]) == (
        "custom_validation_failed",
        "image - Invalid image file: never.png",
    )


def test_progress_of_a_prompt_without_a_client_goes_to_everyone(http: httpx.Client, url: str) -> None:
    """And nothing else does. The real one forgets to ask whether there is a client."""
    with connect(f"{url.replace('http', 'ws')}/ws", proxy=None) as socket:
        ended(http, through("TestSlow", steps=2, salt=77))
        kinds = set()
        try:
            while True:
                frame = socket.recv(timeout=0.5)
                kinds.add(frame.split('"')[3] if isinstance(frame, str) else "preview")
        except TimeoutError:
            pass
    assert kinds == {"status", "progress", "progress_state", "preview"}


def test_it_can_crash_some_seconds_after_its_start(tmp_path: Path) -> None:
    comfyui = ComfyUI(tmp_path, environment={"FAKE_COMFYUI_CRASH_AFTER": "0.5"})
    with running(comfyui):
        assert comfyui.ended() == -signal.SIGKILL


def test_an_unknown_flag_is_an_error() -> None:
    done = subprocess.run([sys.executable, str(MAIN), "--no-such-flag"], capture_output=True, check=False)
    assert done.returncode == 2
