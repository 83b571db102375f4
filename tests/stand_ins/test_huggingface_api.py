"""Hugging Face's own client asks our hub everything that it would ask the real one."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, RepoFile, RepoFolder
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._http import parse_ratelimit_headers

from tests.support.hub import Hub, running_hub
from tests.support.hub.formats import pickle_checkpoint, safetensors

REPO = "acme/models"
WEIGHTS = "split_files/vae/ae.safetensors"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        running.tokens.add("hf_reader", owner="ada")
        running.add(REPO, WEIGHTS, safetensors(50_000))
        running.add(REPO, "README.md", b"# Models\n", lfs=False)
        running.add(REPO, "old.ckpt", pickle_checkpoint(), security="unsafe")
        yield running


@pytest.fixture
def client(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.url, token="hf_reader")


def test_it_tells_a_model_with_commit_licence_sizes_and_scan(client: HfApi, hub: Hub) -> None:
    about = client.model_info(REPO, files_metadata=True, securityStatus=True)
    assert about.sha == hub.repository(REPO).commit_of("main")
    assert (about.gated, about.private) == (False, False)
    assert about.card_data is not None
    assert about.card_data["license"] == "apache-2.0"
    sizes = {sibling.rfilename: sibling.size for sibling in about.siblings or ()}
    assert sizes[WEIGHTS] == 50_000
    assert about.security_repo_status is not None
    assert about.security_repo_status["filesWithIssues"] == [{"path": "old.ckpt", "level": "unsafe"}]


def test_it_lists_files_and_asks_for_an_older_commit(client: HfApi, hub: Hub) -> None:
    before = hub.repository(REPO).commit_of("main")
    hub.add(REPO, "new.safetensors", safetensors(1000))
    assert set(client.list_repo_files(REPO)) == {WEIGHTS, "README.md", "old.ckpt", "new.safetensors"}
    assert "new.safetensors" not in client.list_repo_files(REPO, revision=before)


def test_a_tree_has_hashes_sizes_and_folders(client: HfApi, hub: Hub) -> None:
    content = hub.repository(REPO).files("main")[WEIGHTS].content
    entries = {entry.path: entry for entry in client.list_repo_tree(REPO, recursive=True)}
    weights, readme = entries[WEIGHTS], entries["README.md"]
    assert isinstance(weights, RepoFile)
    assert weights.lfs is not None
    assert (weights.size, weights.lfs.sha256, weights.xet_hash) == (50_000, content.sha256, None)
    assert isinstance(readme, RepoFile)
    assert readme.blob_id == hashlib.sha1(b"blob 9\0# Models\n").hexdigest()
    assert isinstance(entries["split_files/vae"], RepoFolder)
    (only,) = client.list_repo_tree(REPO, "split_files/vae")
    assert only.path == WEIGHTS


def test_a_tree_comes_in_pages(client: HfApi, hub: Hub) -> None:
    for number in range(7):
        hub.add("acme/many", f"{number}.safetensors", safetensors(1000, number))
    hub.paginate(3)
    assert len(list(client.list_repo_tree("acme/many", recursive=True))) == 7
    assert sum("/tree/" in seen.path for seen in hub.requests) == 3


def test_asked_for_more_the_tree_tells_the_scan(client: HfApi) -> None:
    scans = {
        entry.path: entry.security.status
        for entry in client.list_repo_tree(REPO, recursive=True, expand=True)
        if isinstance(entry, RepoFile) and entry.security
    }
    assert scans == {WEIGHTS: "safe", "README.md": "safe", "old.ckpt": "unsafe"}


def test_single_paths_are_told(client: HfApi) -> None:
    found = client.get_paths_info(REPO, ["old.ckpt", "nowhere", "split_files"], expand=True)
    file, folder = found
    assert isinstance(file, RepoFile)
    assert file.security is not None
    assert (file.path, file.security.safe) == ("old.ckpt", False)
    assert isinstance(folder, RepoFolder)


def test_a_whole_repository_arrives(client: HfApi, hub: Hub, tmp_path: Path) -> None:
    client.snapshot_download(REPO, local_dir=tmp_path / "here", cache_dir=tmp_path / "cache")
    content = hub.repository(REPO).files("main")[WEIGHTS].content
    assert hashlib.sha256((tmp_path / "here" / WEIGHTS).read_bytes()).hexdigest() == content.sha256
    checked = client.verify_repo_checksums(REPO, local_dir=tmp_path / "here")
    assert (checked.checked_count, checked.mismatches, checked.missing_paths) == (3, [], [])


def test_a_single_file_arrives_pinned_to_its_commit(client: HfApi, hub: Hub, tmp_path: Path) -> None:
    path = client.hf_hub_download(REPO, "README.md", cache_dir=tmp_path)
    assert Path(path).read_bytes() == b"# Models\n"
    assert str(hub.repository(REPO).commit_of("main")) in path


def test_access_can_be_asked_beforehand(client: HfApi, hub: Hub) -> None:
    client.auth_check(REPO)
    hub.add("acme/gated", "x.safetensors", safetensors(1000))
    hub.repository("acme/gated").gated = True
    with pytest.raises(GatedRepoError):
        client.auth_check("acme/gated")
    assert client.model_info("acme/gated").gated == "auto"
    hub.tokens.add("hf_reader", "acme/gated")
    client.auth_check("acme/gated")


def test_what_does_not_exist_is_called_by_its_name(client: HfApi, tmp_path: Path) -> None:
    with pytest.raises(RepositoryNotFoundError):
        client.model_info("acme/nothing")
    with pytest.raises(RevisionNotFoundError):
        client.model_info(REPO, revision="v9")
    with pytest.raises(EntryNotFoundError):
        client.hf_hub_download(REPO, "nothing.bin", cache_dir=tmp_path)


def test_a_token_says_whose_it_is(client: HfApi, hub: Hub) -> None:
    assert client.whoami()["name"] == "ada"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(endpoint=hub.url, token="hf_unknown").whoami()


def test_limits_are_told_and_kept(client: HfApi, hub: Hub) -> None:
    hub.limit("api", 1, window=60)
    client.model_info(REPO)
    with pytest.raises(HfHubHTTPError, match="rate limit") as refused:
        client.model_info(REPO)
    limits = parse_ratelimit_headers(refused.value.response.headers)
    assert limits is not None
    assert (limits.resource_type, limits.remaining, limits.limit) == ("api", 0, 1)
