"""Files of Civitai: found by page, version, AIR or hash, and verified against the published hash."""

from typing import Any

import pytest

from backend.sources.metadata import HubMetadata
from backend.sources.service import Sources
from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub
from tests.support.hub.catalogue import CivitaiFile, CivitaiVersion
from tests.support.hub.content import literal
from tests.support.hub.formats import safetensors

PRUNED = CivitaiFile(name="daisy-pruned.safetensors", content=safetensors(2000, 7), extent="pruned", fp="fp8")


@pytest.fixture
def daisy(hub: Hub) -> CivitaiVersion:
    hub.civitai_tokens.add("c0ffee")
    hub.add_civitai(41, "daisy-old.safetensors", safetensors(1000), model_id=4)
    return hub.add_civitai(
        42, "daisy.safetensors", safetensors(30_000, 1), model_id=4, type="LORA", more=(PRUNED,)
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://civitai.com/models/4/daisy",
        "https://civitai.com/models/4?modelVersionId=42",
        "urn:air:sdxl:lora:civitai:4@42",
        "civitai:4",
        "{hub}/api/download/models/42",
        "{hub}/api/download/models/42?type=Model&format=SafeTensor&size=full&fp=fp16",
    ],
)
async def test_every_address_of_a_version_downloads_its_primary_file(
    pod: ControlPlane, hub: Hub, daisy: CivitaiVersion, address: str
) -> None:
    transfer = await pod.download(url=address.format(hub=hub.civitai_url), folder="loras")
    done = await pod.finished(transfer["id"])
    assert (done["state"], done["verification"], done["filename"]) == ("done", "verified", daisy.filename)
    assert (pod.models / "loras" / daisy.filename).read_bytes() == daisy.content.read(0, daisy.size)


@pytest.mark.parametrize("query", ["?size=pruned", "?type=Model&format=SafeTensor&size=pruned&fp=fp8"])
async def test_another_file_of_a_version_is_chosen_by_its_properties(
    pod: ControlPlane, hub: Hub, daisy: CivitaiVersion, query: str
) -> None:
    transfer = await pod.download(url=hub.url_of(daisy) + query, folder="loras")
    done = await pod.finished(transfer["id"])
    assert (done["verification"], done["filename"]) == ("verified", PRUNED.name)
    assert done["sha256"] == PRUNED.content.sha256


async def test_a_wrong_published_hash_quarantines_the_file(pod: ControlPlane, hub: Hub) -> None:
    wrong = hub.add_civitai(51, "rose.safetensors", safetensors(1000), published_sha256="0" * 64)
    transfer = await pod.download(url=hub.url_of(wrong), folder="loras")
    assert (await pod.finished(transfer["id"]))["state"] == "quarantined"


async def test_the_token_of_a_pasted_link_is_sent_to_civitai_only(
    pod: ControlPlane, hub: Hub, daisy: CivitaiVersion
) -> None:
    members = hub.add_civitai(43, "members.safetensors", safetensors(1000), needs_login=True)
    refused = await pod.download(url=hub.url_of(members), folder="loras")
    assert (await pod.finished(refused["id"]))["problem"]["code"] == "token_needed"
    pasted = await pod.download(url=hub.url_of(members) + "?token=c0ffee", folder="loras")
    assert (await pod.finished(pasted["id"]))["verification"] == "verified"
    assert "token" not in pasted["url"]
    assert not any("c0ffee" in seen.query for seen in hub.requests)
    assert not any(seen.authorization for seen in hub.requests_to("cdn"))


@pytest.mark.parametrize(
    ("about", "code"),
    [({"usage_control": "Generation"}, "not_for_download"), ({"early_access": True}, "forbidden")],
)
async def test_a_file_that_may_not_be_downloaded_says_why(
    pod: ControlPlane, hub: Hub, about: dict[str, Any], code: str
) -> None:
    later = hub.add_civitai(44, "later.safetensors", literal(b"x" * 100), **about)
    transfer = await pod.download(url=hub.url_of(later), folder="loras", filename="later.safetensors")
    assert (await pod.finished(transfer["id"]))["problem"]["code"] == code


async def test_a_missing_model_is_reported_at_once(pod: ControlPlane, hub: Hub) -> None:
    answer = await pod.client.post("/api/downloads", json={"url": "civitai:999", "folder": "loras"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "not_at_source")


async def test_sizes_and_hashes_of_presets_are_known_before_the_download(
    pod: ControlPlane, hub: Hub, daisy: CivitaiVersion
) -> None:
    primary, pruned = hub.url_of(daisy), hub.url_of(daisy) + "?size=pruned"
    found = await pod.app.registry.get(HubMetadata).of([primary, pruned, hub.url_of(daisy) + "?size=tiny"])
    assert set(found) == {primary, pruned}
    assert (found[primary].bytes, found[primary].sha256) == (daisy.size, daisy.sha256)
    assert (found[pruned].bytes, found[pruned].sha256) == (2000, PRUNED.content.sha256)
    assert len(hub.requests) == 1


async def test_files_are_found_by_their_hashes(pod: ControlPlane, hub: Hub, daisy: CivitaiVersion) -> None:
    hashes = [PRUNED.content.sha256.upper(), "0" * 64, *(f"{number:064x}" for number in range(1, 150))]
    found = await pod.app.registry.get(Sources).files_with_hashes(hashes)
    assert {sha256: offer.path for sha256, offer in found.items()} == {PRUNED.content.sha256: PRUNED.name}
    assert [seen.method for seen in hub.requests] == ["POST", "POST"]
