"""A user lists the files of an address before a download."""

from typing import Any

import pytest

from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import CivitaiFile
from tests.support.hub.civitai import EARLY_ACCESS_ENDS
from tests.support.hub.content import literal
from tests.support.hub.formats import pickle_checkpoint, safetensors

REPO = "acme/models"
OLD = CivitaiFile(
    name="old.ckpt",
    content=pickle_checkpoint(),
    format="PickleTensor",
    pickle_scan="Danger",
    type="Pruned Model",
)


@pytest.fixture(autouse=True)
def repository(hub: Hub) -> None:
    hub.add(REPO, "split_files/vae/ae.safetensors", safetensors(50_000))
    hub.add(REPO, "split_files/clip/t5.gguf", b"GGUF" + b"x" * 100)
    hub.add(REPO, "split_files/clip/bad.pth", pickle_checkpoint(), security="unsafe")
    hub.add(REPO, "old.ckpt", pickle_checkpoint(), security="queued")
    hub.add(REPO, "README.md", b"# Models\n", lfs=False)
    hub.add(REPO, ".gitattributes", b"*.gguf filter=lfs\n", lfs=False)


async def look(pod: ControlPlane, url: str) -> dict[str, Any]:
    answer = await pod.client.post("/api/sources/listing", json={"url": url})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def refusal(pod: ControlPlane, url: str) -> tuple[int, str]:
    answer = await pod.client.post("/api/sources/listing", json={"url": url})
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_repository_is_listed_with_sizes_hashes_formats_and_scans(
    pod: ControlPlane, hub: Hub
) -> None:
    seen = await look(pod, REPO)
    assert (seen["title"], seen["page"]) == (REPO, f"https://huggingface.co/{REPO}")
    assert (seen["licence"], seen["access"], seen["message"]) == ("apache-2.0", "open", None)
    files = {file["path"]: file for file in seen["files"]}
    assert set(files) == {
        "README.md", "old.ckpt", "split_files/clip/bad.pth", "split_files/clip/t5.gguf", "split_files/vae/ae.safetensors",
    }  # fmt: skip
    vae = files["split_files/vae/ae.safetensors"]
    commit = hub.repository(REPO).commit_of("main")
    assert vae["url"] == f"{hub.url}/{REPO}/resolve/{commit}/split_files/vae/ae.safetensors"
    assert (vae["filename"], vae["folder"], vae["bytes"]) == ("ae.safetensors", "vae", 50_000)
    assert vae["sha256"] == hub.repository(REPO).files("main")["split_files/vae/ae.safetensors"].sha256
    assert files["split_files/clip/t5.gguf"]["folder"] == "text_encoders"
    assert {path: (file["format"], file["scan"]) for path, file in files.items()} == {
        "README.md": ("other", "safe"),
        "old.ckpt": ("pickle", "pending"),
        "split_files/clip/bad.pth": ("pickle", "unsafe"),
        "split_files/clip/t5.gguf": ("gguf", "safe"),
        "split_files/vae/ae.safetensors": ("safetensors", "safe"),
    }
    assert len(hub.requests) == 1


async def test_a_folder_a_file_and_a_revision_list_only_their_files(pod: ControlPlane, hub: Hub) -> None:
    folder = await look(pod, f"https://huggingface.co/{REPO}/tree/main/split_files/clip")
    assert [file["path"] for file in folder["files"]] == [
        "split_files/clip/bad.pth",
        "split_files/clip/t5.gguf",
    ]
    file = await look(pod, f"https://huggingface.co/{REPO}/blob/main/split_files/vae/ae.safetensors")
    assert [(one["filename"], one["bytes"]) for one in file["files"]] == [("ae.safetensors", 50_000)]
    first = next(iter(hub.repository(REPO).history))
    assert await refusal(pod, f"hf://{REPO}@{first}/README.md") == (502, "not_at_source")


async def test_a_gated_repository_links_to_its_licence(pod: ControlPlane, hub: Hub) -> None:
    hub.repository(REPO).gated = True
    shut = await look(pod, REPO)
    assert shut["access"] == "licence_needed"
    assert shut["page"] in shut["message"]
    assert shut["files"][0]["bytes"] is not None
    hub.tokens.add("hf_secret_token", REPO)
    assert (await look(pod, REPO))["access"] == "granted"


async def test_the_files_of_a_civitai_version_are_listed(pod: ControlPlane, hub: Hub) -> None:
    about: dict[str, Any] = {"model_id": 4, "type": "LORA", "model_name": "Daisy", "name": "v2"}
    main = hub.add_civitai(42, "daisy.safetensors", safetensors(30_000), more=(OLD,), **about)
    seen = await look(pod, "https://civitai.com/models/4")
    assert (seen["title"], seen["first_is_main"]) == ("Daisy, v2", True)
    assert seen["page"] == f"{hub.civitai_url}/models/4?modelVersionId=42"
    first, second = seen["files"]
    assert (first["url"], first["folder"], first["bytes"]) == (hub.url_of(main), "loras", 30_000)
    assert (second["format"], second["scan"]) == ("pickle", "unsafe")
    assert (await look(pod, second["url"]))["files"] == [second]
    found = await pod.client.post("/api/sources/by-hash", json={"sha256": [main.sha256.upper(), "0" * 64]})
    assert found.json() == {main.sha256: first}


async def test_early_access_shows_its_end(pod: ControlPlane, hub: Hub) -> None:
    hub.add_civitai(43, "later.safetensors", literal(b"x" * 100), early_access=True)
    seen = await look(pod, "civitai:4")
    assert seen["access"] == "early"
    assert f"{EARLY_ACCESS_ENDS:%d %B %Y}" in seen["message"]


async def test_a_plain_file_is_listed_with_name_and_size(pod: ControlPlane, hub: Hub) -> None:
    file = hub.add_plain("folder/My Model.safetensors", safetensors(5000))
    seen = await look(pod, hub.url_of(file).replace(" ", "%20"))
    assert [(one["filename"], one["bytes"], one["sha256"]) for one in seen["files"]] == [
        ("My Model.safetensors", 5000, None)
    ]
    assert hub.requests[0].headers["Range"] == "bytes=0-63"


async def test_a_signed_link_is_listed_without_its_signature(pod: ControlPlane, hub: Hub) -> None:
    link = hub.signed_url_of(hub.repository(REPO).files("main")["split_files/vae/ae.safetensors"])
    (file,) = (await look(pod, link))["files"]
    assert (file["filename"], file["bytes"]) == ("ae.safetensors", 50_000)
    assert file["url"].endswith("#signed")
    transfer = await pod.download(url=file["url"], folder="vae")
    assert (await pod.finished(transfer["id"]))["state"] == "done"


async def test_unavailable_files_are_reported(pod: ControlPlane, hub: Hub) -> None:
    hub.add_civitai(45, "not-for-you.safetensors", literal(b"x" * 100), usage_control="Generation")
    page = hub.add_plain("page", b"<!doctype html><title>Sign in</title>")
    assert await refusal(pod, "nonsense") == (400, "bad_url")
    assert await refusal(pod, "http://10.0.0.1/x.safetensors") == (400, "private_address")
    assert await refusal(pod, "acme/nothing") == (502, "not_found_or_private")
    assert await refusal(pod, f"{REPO}/no/such.safetensors") == (502, "not_at_source")
    assert await refusal(pod, f"https://huggingface.co/{REPO}/tree/main/nowhere") == (502, "not_at_source")
    assert await refusal(pod, "civitai:4@45") == (502, "not_for_download")
    assert await refusal(pod, "civitai:999") == (502, "not_at_source")
    assert await refusal(pod, hub.url_of(page).replace("127.0.0.1", "localhost")) == (502, "not_a_model")
    hub.fault("/api/models", faults.RateLimited(times=None))
    assert await refusal(pod, REPO) == (502, "rate_limited")
    with hub.unreachable():
        assert await refusal(pod, REPO) == (502, "connection_lost")
