"""A user sends a bundle to those who help. It explains the pod, and contains no secret."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from backend.activity.service import Activity
from backend.config.settings import Settings
from tests.support.control_plane import PASSWORD, ControlPlane, running_control_plane

# One of each kind, by where it is planted.
VARIABLES = {
    "hf_token": "hf_QwErTyUiOpAsDfGhJkLz",
    "civitai_token": "civitai-planted-0123456789",
    "runpod_api_key": "rpa_PLANTED0123456789",
    "container_api_key": "vast-planted-0123456789",
    "comfypod_token": "comfypod-planted-0123456789",
    "autostop_command": "curl -H 'X-Key: command-planted-012345' https://host.example/stop",
}
ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": 'quoted"planted\\0123456789é',
    "MY_SERVICE_PASSWORD": "envpass-planted-1",
}
SAVED = "hf_SavedInSettings0123456789"
TOPIC = "https://hooks.example.com/hook-planted-0123456789"
BEARER = "bearer-planted-0123456789"
# In logs, never told to the pod.
UNKNOWN = {
    "hf_UnknownToThePod0123456789": "Downloading with hf_UnknownToThePod0123456789 now",
    "url-user-planted": "GET https://user:url-user-planted@host.example/file",
    "query-planted-01234": "GET /file.bin?token=query-planted-01234&x=1",
    "header-planted-01234": "Authorization: Bearer header-planted-01234",
    "whsec_aB/cD+eF0123456789abcdefgh=": "signed with whsec_aB/cD+eF0123456789abcdefgh= again",
    "cpk_Unknown0123456789abcdef": "key cpk_Unknown0123456789abcdef refused",
}


def read(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def bundle(pod: ControlPlane) -> dict[str, str]:
    response = await pod.client.get("/api/support-bundle")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/zip"
    return read(response.content)


async def plant(pod: ControlPlane, *lines: str) -> None:
    await pod.client.put("/api/tokens/huggingface", json={"token": SAVED})
    channel = {"name": "Hook", "kind": "webhook", "url": TOPIC, "token": BEARER}
    assert (await pod.client.post("/api/notifications/channels", json=channel)).status_code == 201
    pod.settings.log_dir.mkdir(parents=True, exist_ok=True)
    (pod.settings.log_dir / "comfyui.log").write_text("".join(f"{line}\n" for line in lines))
    pod.app.registry.get(Activity).note("job.failed", "portrait", problem=" ".join(lines)[:290])


async def test_no_secret_is_in_the_bundle(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    async with running_control_plane(workspace, **VARIABLES) as pod:
        key = await pod.create_key("read")
        known = [*VARIABLES.values(), *ENVIRONMENT.values(), PASSWORD, SAVED, TOPIC, BEARER, key]
        signing = (workspace / ".comfypod/signing.key").read_text().strip()
        session = pod.client.headers["Authorization"].removeprefix("Bearer ")
        webhooks = (await pod.client.get("/api/webhooks/secret")).json()["secret"]
        known += [signing, session, webhooks, "hook-planted-0123456789"]
        await plant(pod, *(f"a line with {secret} in it" for secret in known), *UNKNOWN.values())
        files = await bundle(pod)
    assert "a line with" in files["logs/comfyui.log"]
    everything = "\n".join(files.values()) + json.dumps(list(files))
    for secret in (*known, *UNKNOWN, "command-planted-012345"):
        assert secret not in everything, secret
        assert json.dumps(secret)[1:-1] not in everything, secret


async def test_the_bundle_explains_the_pod(workspace: Path) -> None:
    async with running_control_plane(workspace, autostop_minutes=30, **VARIABLES) as pod:
        await plant(pod, "Traceback (most recent call last)", "CUDA out of memory")
        files = await bundle(pod)
    content: dict[str, Any] = {
        name: json.loads(text) for name, text in files.items() if name.endswith(".json")
    }
    assert content["versions.json"]["python"]
    settings = content["configuration.json"]["settings"]
    assert {"hf_token = set", "access_password = set", "autostop_command = set"} <= set(settings)
    assert "autostop_minutes = 30" in settings
    assert len(settings) == len(Settings.model_fields)
    assert content["system.json"]["disk"]["total"] > 0
    assert content["queues.json"] == {"jobs": {}, "downloads": {}}
    assert "CUDA out of memory" in files["logs/comfyui.log"]
    kinds = {entry["kind"] for entry in content["activity.json"]}
    assert "token.saved" in kinds
    assert "sign_in.done" not in kinds


async def test_a_log_without_end_costs_little(workspace: Path) -> None:
    async with running_control_plane(workspace) as pod:
        await plant(pod, *("x" * 3000 for _ in range(20_000)))
        response = await pod.client.get("/api/support-bundle")
    assert len(response.content) < 200_000


async def test_the_settings_page_offers_the_bundle(workspace: Path) -> None:
    async with running_control_plane(workspace) as pod:
        await pod.client.get("/api/system")
        page = (await pod.client.get("/settings", headers={"Accept": "text/html"})).text
        assert 'href="/api/support-bundle"' in page
        assert "Control plane up" in page
        key = await pod.create_key("run")
        async with pod.anonymous(**{"X-API-Key": key}) as stranger:
            assert (await stranger.get("/api/support-bundle")).status_code == 403
