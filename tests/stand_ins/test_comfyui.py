"""The ComfyUI stand-in refuses and answers as the real one does."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.process import ROOT, free_port

MAIN = ROOT / "tests" / "support" / "comfyui" / "tree" / "main.py"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for folder in ("custom_nodes", "models/vae", "user"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def url(base: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, str(MAIN), "--cpu", "--port", str(port), "--base-directory", str(base)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        assert any("To see the GUI go to" in line for line in process.stdout)
        # The line comes just before it listens, as in the real one; the client's retries bridge that moment.
        with httpx.Client(transport=httpx.HTTPTransport(retries=5)) as client:
            client.get(f"http://127.0.0.1:{port}/queue")
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def test_every_route_answers_bare_and_below_api(url: str) -> None:
    for prefix in ("", "/api"):
        assert httpx.get(f"{url}{prefix}/system_stats").json()["system"]["comfyui_version"]
        assert httpx.get(f"{url}{prefix}/queue").json() == {"queue_running": [], "queue_pending": []}


def test_other_sites_and_other_origins_are_refused(url: str) -> None:
    assert httpx.get(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert httpx.get(url, headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert httpx.get(url, headers={"Origin": url}).status_code == 200


def test_models_on_disk_are_offered_and_unknown_folders_are_not(url: str, base: Path) -> None:
    (base / "models/vae/ae.safetensors").touch()
    (base / "models/vae/half.safetensors.part").touch()
    assert httpx.get(f"{url}/models/vae").json() == ["ae.safetensors"]
    assert httpx.get(f"{url}/models/nothing").status_code == 404


def test_a_prompt_without_outputs_is_refused(url: str) -> None:
    answer = httpx.post(f"{url}/prompt", json={"prompt": {}})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "prompt_no_outputs")


def test_an_unknown_flag_is_an_error() -> None:
    done = subprocess.run([sys.executable, str(MAIN), "--no-such-flag"], capture_output=True, check=False)
    assert done.returncode == 2
