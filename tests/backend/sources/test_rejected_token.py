"""Public files are downloaded although the token is expired or mistyped."""

from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors


async def rejected(pod: ControlPlane) -> dict[str, bool]:
    return {token["hub"]: token["rejected"] for token in (await pod.client.get("/api/tokens")).json()}


async def test_public_files_are_downloaded_without_a_rejected_token(
    workspace: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [hub.add("acme/models", f"{name}.safetensors", safetensors(10_000)) for name in "ab"]
    settings = hub_settings(hub) | {"hf_token": "hf_expired_token"}
    async with running_control_plane(workspace, **settings) as pod:
        assert not any((await rejected(pod)).values())
        for model in models:
            transfer = await pod.download(url=hub.url_of(model), folder="vae")
            assert (await pod.finished(transfer["id"]))["state"] == "done"
        assert await rejected(pod) == {"huggingface": True, "civitai": False}
        sent = [seen for seen in hub.requests_to("hub") if "Authorization" in seen.headers]
        assert len(sent) == 1
        assert "Rejected" in (await pod.client.get("/settings")).text
        hub.tokens.add("hf_new_token")
        await pod.client.put("/api/tokens/huggingface", json={"token": "hf_new_token"})
        assert not any((await rejected(pod)).values())
    assert capsys.readouterr().out.count("rejects our token") == 1


async def test_a_mistyped_repository_is_not_found_or_private(pod: ControlPlane) -> None:
    transfer = await pod.download(
        url="acme/no-such-repo/x.safetensors", folder="vae", filename="x.safetensors"
    )
    failed = await pod.finished(transfer["id"])
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "not_found_or_private")
    assert "acme/no-such-repo was not found" in failed["problem"]["message"]
