"""Metadata of files is requested once per repository and cached, also for starts without internet."""

from pathlib import Path

import pytest

from backend.sources.metadata import HubMetadata
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

REPO = "acme/models"


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add(REPO, "split_files/vae/ae.safetensors", safetensors(50_000))


def metadata_of(pod: ControlPlane) -> HubMetadata:
    return pod.app.registry.get(HubMetadata)


async def test_one_request_returns_the_metadata_of_a_repository(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    readme = hub.add(REPO, "README.md", b"# Models\n", lfs=False)
    urls = [hub.url_of(model), hub.url_of(readme), hub.url_of(model).replace("/resolve/", "/blob/")]
    found = await metadata_of(pod).of(urls)
    weights, text = found[urls[0]], found[urls[1]]
    assert len(hub.requests) == 1
    assert (weights.bytes, weights.sha256, weights.git_sha1) == (50_000, model.sha256, None)
    assert (text.bytes, text.sha256, text.git_sha1) == (9, None, readme.etag)
    assert weights.commit == hub.repository(REPO).commit_of("main")
    assert (weights.licence, weights.gated) == ("apache-2.0", False)
    assert found[urls[2]] == weights


async def test_cached_metadata_is_not_requested_again_until_refreshed(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    facts, url = metadata_of(pod), hub.url_of(model)
    assert await facts.cached([url]) == {}
    await facts.of([url])
    await facts.of([url])
    assert len(hub.requests) == 1
    hub.add(REPO, model.path, safetensors(60_000))
    assert (await facts.cached([url]))[url].bytes == 50_000
    assert (await facts.of([url], refresh=True))[url].bytes == 60_000


async def test_the_cache_survives_a_restart_without_internet(
    workspace: Path, hub: Hub, model: HubFile
) -> None:
    url = hub.url_of(model)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        before = await metadata_of(pod).of([url])
    with hub.unreachable():
        async with running_control_plane(workspace, **hub_settings(hub)) as pod:
            assert await metadata_of(pod).of([url], refresh=True) == before


async def test_a_failing_repository_affects_no_other_and_is_not_retried_at_once(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    gone = f"{hub.url}/acme/gone/resolve/main/x.safetensors"
    urls = [gone, hub.url_of(model), f"{hub.url}/{REPO}/resolve/main/no-such-file", "https://example.org/x"]
    assert set(await metadata_of(pod).of(urls)) == {hub.url_of(model)}
    asked = len(hub.requests)
    await metadata_of(pod).of(urls)
    assert len(hub.requests) == asked


async def test_invalid_metadata_is_ignored(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    hub.fault("/api/models", faults.LoginPage(times=None))
    assert await metadata_of(pod).of([hub.url_of(model)]) == {}


async def test_a_damaged_cache_is_requested_again(workspace: Path, hub: Hub, model: HubFile) -> None:
    url = hub.url_of(model)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await metadata_of(pod).of([url])
    for path in (workspace / ".comfypod/hub-facts").iterdir():
        path.write_text("{broken")
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await metadata_of(pod).of([url]))[url].bytes == 50_000


async def test_the_token_is_sent_and_a_gated_repository_still_has_sizes(pod: ControlPlane, hub: Hub) -> None:
    rare = hub.add("acme/rare", "rare.safetensors", safetensors(1000))
    hub.repository("acme/rare").gated = True
    found = (await metadata_of(pod).of([hub.url_of(rare)]))[hub.url_of(rare)]
    assert (found.bytes, found.gated) == (1000, True)
    assert hub.requests[0].authorization == "Bearer hf_secret_token"
