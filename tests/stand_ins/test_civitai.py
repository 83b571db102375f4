"""Our Civitai tells, refuses and redirects as the real one does, seen through a client that knows nothing of us."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.hub import Hub, running_hub
from tests.support.hub.catalogue import CivitaiFile
from tests.support.hub.content import literal
from tests.support.hub.formats import pickle_checkpoint, safetensors

PRUNED = CivitaiFile(name="pruned.safetensors", content=safetensors(2000, 7), extent="pruned", fp="fp8")
OLD = CivitaiFile(name="old.ckpt", content=pickle_checkpoint(), format="PickleTensor", pickle_scan="Danger")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        running.civitai_tokens.add("c0ffee")
        running.add_civitai(41, "first.safetensors", safetensors(1000), model_id=4)
        running.add_civitai(42, "second.safetensors", safetensors(3000, 1), model_id=4, more=(PRUNED, OLD))
        yield running


@pytest.fixture
def client(hub: Hub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub.civitai_url) as running:
        yield running


def test_a_model_has_its_newest_version_first(client: httpx.Client) -> None:
    model = client.get("/api/v1/models/4").json()
    assert [version["id"] for version in model["modelVersions"]] == [42, 41]
    assert client.get("/api/v1/models/5").status_code == 404


def test_a_version_describes_its_files(client: httpx.Client) -> None:
    version = client.get("/api/v1/model-versions/42").json()
    primary, pruned, old = version["files"]
    assert version["air"] == "urn:air:sdxl:checkpoint:civitai:4@42"
    assert (primary["primary"], primary["sizeKB"] * 1024) == (True, 3000)
    assert pruned["metadata"] == {"format": "SafeTensor", "size": "pruned", "fp": "fp8"}
    assert old["pickleScanResult"] == "Danger"


def test_each_file_has_an_address_of_its_own(client: httpx.Client) -> None:
    for file in client.get("/api/v1/model-versions/42").json()["files"]:
        body = client.get(file["downloadUrl"], follow_redirects=True)
        assert hashlib.sha256(body.content).hexdigest().upper() == file["hashes"]["SHA256"]
        assert file["name"] in body.headers["Content-Disposition"]


def test_a_version_is_found_by_the_hash_of_a_file(client: httpx.Client) -> None:
    known, unknown = PRUNED.content.sha256, "0" * 64
    versions = "/api/v1/model-versions/by-hash"
    assert client.get(f"{versions}/{known.upper()}").json()["id"] == 42
    assert client.get(f"{versions}/{unknown}").status_code == 404
    assert [found["id"] for found in client.post(versions, json=[known, unknown]).json()] == [42]
    assert client.post(versions, json=[unknown] * 101).status_code == 400


def test_who_is_not_signed_in_is_sent_to_the_sign_in(client: httpx.Client, hub: Hub) -> None:
    hub.add_civitai(43, "members.safetensors", literal(b"x" * 100), needs_login=True)
    address = "/api/download/models/43"
    refused = client.get(address)
    assert (refused.status_code, refused.headers["Location"]) == (307, "/login?reason=download-auth")
    headers = {"Authorization": "Bearer c0ffee"}
    assert client.head(address, headers=headers).status_code == 401
    allowed = client.get(address, headers={**headers, "Range": "bytes=0-0"})
    assert allowed.headers["Location"].startswith(hub.cdn_url.replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize("about", [{"early_access": True}, {"usage_control": "Generation"}])
def test_what_is_not_for_download_is_refused(client: httpx.Client, hub: Hub, about: dict[str, Any]) -> None:
    hub.add_civitai(44, "later.safetensors", literal(b"x" * 100), **about)
    refused = client.get("/api/download/models/44")
    assert (refused.status_code, "message" in refused.json()) == (403, True)


def test_a_token_says_whose_it_is(client: httpx.Client) -> None:
    assert client.get("/api/v1/me").status_code == 401
    caller = client.get("/api/v1/me", headers={"Authorization": "Bearer c0ffee"}).json()
    assert caller["username"] == "ada"
