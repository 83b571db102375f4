"""Our hub is a fair stand-in: clients that know nothing of us get the right bytes from it."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import Hub, faults, running_hub
from tests.support.hub.formats import safetensors

SIZE = 5_000_000


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(*command: str, **environment: str) -> None:
    subprocess.run(
        command, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, timeout=60
    )


def test_curl_resumes_where_a_cut_connection_left_it(hub: Hub, tmp_path: Path) -> None:
    file = hub.add_plain("large.safetensors", safetensors(SIZE))
    hub.fault(file, faults.Cut(after=1_000_000))
    target = tmp_path / "large.safetensors"
    cut = subprocess.run(["curl", "-s", "-o", str(target), hub.url_of(file)], check=False, timeout=60)
    assert cut.returncode != 0
    run("curl", "-s", "-C", "-", "-o", str(target), hub.url_of(file))
    assert sha256(target) == file.content.sha256


def test_aria2_fetches_in_segments_and_verifies(hub: Hub, tmp_path: Path) -> None:
    file = hub.add_plain("large.safetensors", safetensors(SIZE))
    checksum = f"--checksum=sha-256={file.content.sha256}"
    run("aria2c", "-q", "-x4", "-s4", "-k1M", checksum, "-d", str(tmp_path), "-o", "out", hub.url_of(file))
    assert sha256(tmp_path / "out") == file.content.sha256
    assert sum("Range" in seen.headers for seen in hub.requests) >= 2


def test_hugging_faces_own_client_downloads_and_keeps_its_token_from_the_cdn(
    hub: Hub, tmp_path: Path
) -> None:
    file = hub.add("acme/models", "folder/large.safetensors", safetensors(SIZE))
    token = hub.tokens.add("hf_test")
    program = (
        "from huggingface_hub import hf_hub_download;"
        f"hf_hub_download('acme/models', 'folder/large.safetensors', local_dir={str(tmp_path)!r}, token={token!r})"
    )
    run(
        sys.executable,
        "-c",
        program,
        HF_ENDPOINT=hub.url,
        HF_HUB_DISABLE_XET="1",
        HF_HOME=str(tmp_path / "home"),
    )
    assert sha256(tmp_path / "folder/large.safetensors") == file.content.sha256
    assert any(seen.headers.get("Authorization") == "Bearer hf_test" for seen in hub.requests_to("hub"))
    assert not any("Authorization" in seen.headers for seen in hub.requests_to("cdn"))
