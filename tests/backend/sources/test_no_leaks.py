"""No token and no signature is written, logged, sent to another host or sent to a browser."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.support.hub import Hub, faults
from tests.support.hub.formats import safetensors
from tests.support.process import Process, running_process

PASSWORD = "leak test password"
HF_TOKEN = "hf_from_the_environment_5s8d7f6"
SAVED = "civitai_from_settings_9x8c7v6"
FINAL_STATES = {"done", "failed", "quarantined", "paused"}
PASTED = "pasted_with_a_link_1q2w3e4"


@pytest.fixture(params=["json", pytest.param("console", marks=pytest.mark.slow)])
def plane(hub: Hub, workspace: Path, request: pytest.FixtureRequest) -> Iterator[Process]:
    hub.tokens.add(HF_TOKEN)
    hub.civitai_tokens.add(SAVED)
    environment = {
        "WORKSPACE": str(workspace),
        "RUN_DIR": str(workspace / "run"),
        "LOG_DIR": str(workspace / "logs"),
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": request.param,
        "ACCESS_PASSWORD": PASSWORD,
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": HF_TOKEN,
        "CIVITAI_ENDPOINT": hub.civitai_url,
        "DOWNLOAD_ALLOWED_HOSTS": ",".join(hub.cdn_hosts),
        "DOWNLOAD_RETRY_SECONDS": "0.01",
    }
    with running_process(environment) as process:
        yield process


class Listener:
    """A signed-in client that records every response and frame."""

    def __init__(self, url: str):
        self.heard: list[str] = []
        self._url = url
        self.client = httpx.Client(base_url=url, timeout=60)
        login = self.client.post("/api/auth/login", json={"password": PASSWORD})
        self.client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        self.client.event_hooks = {"response": [self._record]}

    def finish(self, **wanted: str) -> None:
        """Request a file and record frames until its transfer ends."""
        answer = self.client.post("/api/downloads", json={"folder": "loras", **wanted})
        if answer.status_code != 202:
            return
        key = answer.json()["id"]
        address = f"{self._url.replace('http:', 'ws:')}/ws/downloads/{key}"
        headers = {"Authorization": self.client.headers["Authorization"]}
        with connect(address, additional_headers=headers) as frames:
            for frame in frames:
                self.heard.append(str(frame))
                if self.client.get(f"/api/downloads/{key}").json()["state"] in FINAL_STATES:
                    break
        self.client.get(f"/api/downloads/{key}/log")

    def _record(self, response: httpx.Response) -> None:
        self.heard.append(response.read().decode() + str(response.headers))


@pytest.fixture
def listener(plane: Process) -> Iterator[Listener]:
    listening = Listener(plane.url)
    with contextlib.closing(listening.client):
        yield listening


def test_no_secret_leaks(plane: Process, hub: Hub, workspace: Path, listener: Listener) -> None:
    client = listener.client
    good = hub.add("acme/models", "good.safetensors", safetensors(300_000))
    cut = hub.add("acme/models", "cut.safetensors", safetensors(300_000, 1))
    wrong = hub.add("acme/models", "wrong.safetensors", safetensors(300_000, 2))
    gated = hub.add("acme/rare", "gated.safetensors", safetensors(300_000, 3))
    hub.repository("acme/rare").gated = True
    members = hub.add_civitai(42, "members.safetensors", safetensors(300_000, 4), needs_login=True)
    stranger = hub.add_plain("stranger.safetensors", safetensors(300_000, 5))
    hub.fault(cut, faults.Cut(after=100_000))
    hub.fault(wrong, faults.WrongContent(times=None))
    hub.fault(stranger, faults.Redirect(to=hub.signed_url_of(good)))

    client.put("/api/tokens/civitai", json={"token": SAVED})
    client.post("/api/tokens/civitai/test")
    client.post("/api/tokens/huggingface/test")
    for file in (good, cut, wrong, gated, members, stranger):
        listener.finish(url=hub.url_of(file))
    signed = hub.signed_url_of(cut)
    listener.finish(url=signed, filename="signed.safetensors")
    listener.finish(url=f"{hub.civitai_url}/api/download/models/42?token={PASTED}", filename="p.safetensors")
    listener.finish(url="http://ada:l0velace@192.168.1.1:9/x.safetensors")
    client.post("/api/sources/listing", json={"url": signed})
    client.post("/api/sources/listing", json={"url": "acme/rare"})
    for page in ("/downloads", "/settings", "/api/downloads", "/api/tokens"):
        client.get(page)
    plane.stop()

    files = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()}
    signatures = {seen.query.rpartition("Signature=")[2] for seen in hub.requests_to("cdn")}
    places = {
        "told": "".join(listener.heard),
        "printed": "".join(plane.output),
        "asked of hubs": json.dumps([f"{seen.path}?{seen.query}" for seen in hub.requests_to("hub")]),
        **{
            str(path): body.decode(errors="replace")
            for path, body in files.items()
            if path.name != "tokens.json"
        },
    }
    assert "transfer stopped" in places["printed"]
    assert len(signatures) >= 4
    for secret in (HF_TOKEN, SAVED, PASTED, "l0velace", *signatures):
        assert [name for name, content in places.items() if secret in content] == []
    assert {seen.authorization for seen in hub.requests_to("cdn")} == {None}
