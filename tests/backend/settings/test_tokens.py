"""A user sets tokens by variable or in Settings, and tests them. Each is sent to its own hub only."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from backend.sources.metadata import HubMetadata
from backend.sources.tokens import Tokens
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.formats import safetensors

SAVED = "hf_saved_in_settings_1234"
FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}


async def tokens_of(pod: ControlPlane) -> dict[str, dict[str, object]]:
    answer = await pod.client.get("/api/tokens")
    return {token["hub"]: token for token in answer.json()}


async def save(pod: ControlPlane, hub: str, token: str) -> httpx.Response:
    return await pod.client.put(f"/api/tokens/{hub}", json={"token": token})


async def test_where_a_token_comes_from_is_told_but_not_the_token(pod: ControlPlane, hub: Hub) -> None:
    tokens = await tokens_of(pod)
    assert (tokens["huggingface"]["source"], tokens["civitai"]["source"]) == ("environment", None)
    assert tokens["huggingface"]["sites"] == [hub.url]
    assert tokens["civitai"]["sites"] == [hub.civitai_url, "https://civitai.com", "https://civitai.red"]
    saved = (await save(pod, "huggingface", f" {SAVED}\n")).json()
    assert (saved["source"], saved["ending"]) == ("saved", "1234")
    page = (await pod.client.get("/settings", headers={"Accept": "text/html"})).text
    assert "1234" in page
    for told in (json.dumps(saved), json.dumps(await tokens_of(pod)), page):
        assert SAVED not in told
        assert "hf_secret_token" not in told


async def test_a_saved_token_goes_before_the_variable_until_it_is_removed(
    pod: ControlPlane, hub: Hub
) -> None:
    file = hub.add("acme/models", "daisy.safetensors", safetensors(1000))

    async def sent() -> str | None:
        hub.forget_requests()
        await pod.app.registry.get(HubMetadata).of([hub.url_of(file)], refresh=True)
        return hub.requests[0].authorization

    hub.tokens.add(SAVED)
    await save(pod, "huggingface", SAVED)
    assert await sent() == f"Bearer {SAVED}"
    removed = await pod.client.delete("/api/tokens/huggingface")
    assert removed.json()["source"] == "environment"
    assert await sent() == "Bearer hf_secret_token"
    refused = await pod.client.delete("/api/tokens/huggingface")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "set_in_environment")


async def test_a_saved_token_survives_a_restart_in_a_file_for_its_owner_only(
    workspace: Path, hub: Hub
) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await save(pod, "civitai", "c0ffee-c0ffee-c0ffee")
    holders = [path for path in workspace.rglob("*") if path.is_file() and b"c0ffee" in path.read_bytes()]
    assert [path.name for path in holders] == ["tokens.json"]
    assert holders[0].stat().st_mode & 0o777 == 0o600
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await tokens_of(pod))["civitai"]["source"] == "saved"


@pytest.mark.parametrize("content", ["{broken", "[]", '{"huggingface": 3, "unknown": "x"}'])
async def test_a_pod_works_with_a_damaged_file_of_tokens(workspace: Path, hub: Hub, content: str) -> None:
    path = workspace / ".comfypod/tokens.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await tokens_of(pod))["huggingface"]["source"] == "environment"
        assert (await save(pod, "huggingface", SAVED)).status_code == 200


@pytest.mark.parametrize("token", ["", "   ", "two words", "line\nbreak", "ünïcode", "x" * 513])
async def test_what_cannot_be_a_token_is_refused(pod: ControlPlane, token: str) -> None:
    answer = await save(pod, "civitai", token)
    assert answer.status_code == 400
    assert token.strip() == "" or token not in answer.text
    assert (await tokens_of(pod))["civitai"]["source"] is None


async def test_tokens_saved_at_the_same_moment_are_all_kept(pod: ControlPlane) -> None:
    for number in range(5):
        saves = [
            save(pod, hub, f"{hub}_{number}_{half}")
            for hub in ("huggingface", "civitai")
            for half in ("a", "b", "c")
        ]
        assert {answer.status_code for answer in await asyncio.gather(*saves)} == {200}
        tokens = await tokens_of(pod)
        assert {token["source"] for token in tokens.values()} == {"saved"}
        await asyncio.gather(*(pod.client.delete(f"/api/tokens/{hub}") for hub in tokens))


async def test_a_token_that_cannot_be_kept_is_not_said_to_be(workspace: Path, hub: Hub) -> None:
    (workspace / ".comfypod/tokens.json").mkdir(parents=True)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        answer = await save(pod, "civitai", "c0ffee")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert (await tokens_of(pod))["civitai"]["source"] is None


async def test_a_token_is_tested_with_its_hub(pod: ControlPlane, hub: Hub) -> None:
    known = (await pod.client.post("/api/tokens/huggingface/test")).json()
    assert (known["accepted"], known["account"]) == (True, "ada")
    hub.tokens.add("hf_fine_grained", reads_gated=False)
    await save(pod, "huggingface", "hf_fine_grained")
    narrow = (await pod.client.post("/api/tokens/huggingface/test")).json()
    assert narrow["accepted"] is True
    assert "no access to gated repositories" in narrow["message"]
    await save(pod, "huggingface", "hf_unknown")
    unknown = (await pod.client.post("/api/tokens/huggingface/test")).json()
    assert (unknown["accepted"], unknown["account"]) == (False, None)
    hub.civitai_tokens.add("c0ffee")
    await save(pod, "civitai", "c0ffee")
    assert (await pod.client.post("/api/tokens/civitai/test")).json()["account"] == "ada"
    assert {(seen.path, seen.authorization) for seen in hub.requests} == {
        ("/api/whoami-v2", "Bearer hf_secret_token"),
        ("/api/whoami-v2", "Bearer hf_fine_grained"),
        ("/api/whoami-v2", "Bearer hf_unknown"),
        ("/api/v1/me", "Bearer c0ffee"),
    }


async def test_a_test_without_a_token_or_without_the_hub_says_so(pod: ControlPlane, hub: Hub) -> None:
    nothing = await pod.client.post("/api/tokens/civitai/test")
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (409, "no_token")
    hub.fault("/api/whoami-v2", faults.Status(code=503, times=None))
    trouble = await pod.client.post("/api/tokens/huggingface/test")
    assert (trouble.status_code, trouble.json()["error"]["code"]) == (502, "server_trouble")
    hub.clear_faults()
    hub.fault("/api/whoami-v2", faults.LoginPage(times=None))
    nonsense = await pod.client.post("/api/tokens/huggingface/test")
    assert (nonsense.status_code, nonsense.json()["error"]["code"]) == (502, "invalid_response")
    assert (await pod.client.post("/api/tokens/elsewhere/test")).status_code == 400


async def test_the_page_saves_tests_and_removes(pod: ControlPlane, hub: Hub) -> None:
    hub.civitai_tokens.add("c0ffee")
    saved = await pod.client.post("/settings/tokens/civitai", data={"token": "c0ffee"}, headers=FRAGMENT)
    assert "Civitai accepts this token of ada" in saved.text
    assert "Saved." in saved.headers["HX-Trigger"]
    hub.civitai_tokens.clear()
    tested = await pod.client.post("/settings/tokens/civitai/test", headers=FRAGMENT)
    assert "does not accept this token" in tested.text
    hub.fault("/api/v1/me", faults.Status(code=500, times=None))
    untested = await pod.client.post("/settings/tokens/civitai", data={"token": "other"}, headers=FRAGMENT)
    assert "Saved, but not tested" in untested.headers["HX-Trigger"]
    removed = await pod.client.delete("/settings/tokens/civitai", headers=FRAGMENT)
    assert "No token" in removed.text


async def test_tokens_go_to_the_exact_origin_only(pod: ControlPlane, hub: Hub) -> None:
    """Another port, another name of the same machine, another scheme: each is another server."""
    hub.civitai_tokens.add("c0ffee")
    await save(pod, "civitai", "c0ffee")
    tokens = pod.app.registry.get(Tokens)
    for stranger in (
        hub.cdn_url,
        hub.url.replace("127.0.0.1", "127.0.0.2"),
        hub.url.replace("http:", "https:"),
        "https://huggingface.co.evil.example",
        "http://civitai.com",
        "https://civitai.com:8443",
        "https://evil.civitai.com",
        "https://civitai.green",
    ):
        assert tokens.for_url(f"{stranger}/x") is None, stranger
    assert tokens.for_url(f"{hub.url}/x") == "hf_secret_token"
    assert tokens.for_url("https://civitai.red/x") == "c0ffee"
