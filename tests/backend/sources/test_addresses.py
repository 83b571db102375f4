"""Pasted addresses and server names become safe addresses and file names, or are rejected."""

import re
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

import httpx
import pytest
import yarl
from hypothesis import example, given
from hypothesis import strategies as st

from backend.core.errors import InvalidRequest
from backend.core.names import MAX_BYTES, clean_folder, clean_name, safe_name
from backend.sources.addresses import is_signed, origin, read_link
from backend.sources.references import (
    CivitaiFile,
    CivitaiModel,
    CivitaiVersion,
    Endpoints,
    HubFile,
    HubFolder,
    PlainFile,
    Reference,
    as_url,
    reference_of,
)

HF, CIVITAI = "https://huggingface.co", "https://civitai.com"
REAL = Endpoints(hugging_face=HF, civitai=CIVITAI)
MIRRORS = Endpoints(hugging_face="https://mirror.example/hf", civitai="https://other.example")

names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,12}", fullmatch=True)
owners = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,12}", fullmatch=True).filter(lambda name: name != "models")
parts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda part: "/" not in part and part not in (".", "..")
)
paths = st.lists(parts, min_size=1, max_size=4).map("/".join)
SECRET = "s3cret-Value_42"


def read(text: str, endpoints: Endpoints = REAL) -> Reference:
    return reference_of(read_link(as_url(text, endpoints)).url, endpoints)


def hub(repo: str, path: str, revision: str = "main") -> HubFile:
    return HubFile(repo=repo, revision=revision, path=path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{HF}/acme/m/resolve/main/a/b.safetensors", hub("acme/m", "a/b.safetensors")),
        (f"{HF}/acme/m/blob/main/b.safetensors?download=true", hub("acme/m", "b.safetensors")),
        (f"{HF}/acme/m/raw/main/b.txt", hub("acme/m", "b.txt")),
        (f"{HF}/acme/m/blob/refs%2Fpr%2F3/b.bin", hub("acme/m", "b.bin", "refs/pr/3")),
        (f"{HF}/acme/m/blob/refs/pr/3/b.bin", hub("acme/m", "b.bin", "refs/pr/3")),
        (f"{HF}/datasets/acme/d/resolve/main/b.zip", hub("datasets/acme/d", "b.zip")),
        (f"{HF}/gpt2/resolve/main/model.safetensors", hub("gpt2", "model.safetensors")),
        (f"{HF}/acme/m/resolve/main/My%20Model%20%281%29.gguf", hub("acme/m", "My Model (1).gguf")),
        ("hf.co/acme/m/blob/main/b.gguf", hub("acme/m", "b.gguf")),
        ("hf://acme/m@v2/a/b.gguf", hub("acme/m", "a/b.gguf", "v2")),
        ("acme/m/a/b.gguf", hub("acme/m", "a/b.gguf")),
        (
            "urn:air:sdxl:vae:huggingface:stabilityai/sdxl-vae/sdxl_vae.safetensors",
            hub("stabilityai/sdxl-vae", "sdxl_vae.safetensors"),
        ),
        (f"{HF}/acme/m", HubFolder(repo="acme/m", revision="main")),
        (f"{HF}/acme/m/", HubFolder(repo="acme/m", revision="main")),
        (f" {HF}/acme/m/tree/main\n", HubFolder(repo="acme/m", revision="main")),
        (f"{HF}/acme/m/tree/v1/split_files/vae", HubFolder(repo="acme/m", revision="v1", path="split_files/vae")),
        ("acme/SDXL-1.0", HubFolder(repo="acme/SDXL-1.0", revision="main")),
        ("hf://acme/m", HubFolder(repo="acme/m", revision="main")),
        ("civitai.com/models/4384/dreamshaper", CivitaiModel(site=CIVITAI, model=4384)),
        (f"{CIVITAI}/models/4384?modelVersionId=128713", CivitaiVersion(site=CIVITAI, version=128713)),
        ("https://civitai.green/models/7/x?modelVersionId=8&a=b", CivitaiVersion(site=CIVITAI, version=8)),
        ("https://civitai.red/models/7", CivitaiModel(site="https://civitai.red", model=7)),
        (f"{CIVITAI}/model-versions/9", CivitaiVersion(site=CIVITAI, version=9)),
        (f"{CIVITAI}/api/v1/model-versions/9", CivitaiVersion(site=CIVITAI, version=9)),
        (f"{CIVITAI}/api/download/models/9?token=abc", CivitaiFile(site=CIVITAI, version=9)),
        (
            f"{CIVITAI}/api/download/models/9?type=Model&format=SafeTensor&size=pruned&fp=fp16&x=y",
            CivitaiFile(
                site=CIVITAI,
                version=9,
                filters=(("type", "Model"), ("format", "SafeTensor"), ("size", "pruned"), ("fp", "fp16")),
            ),
        ),
        ("urn:air:sdxl:lora:civitai:328553@368189", CivitaiVersion(site=CIVITAI, version=368189)),
        ("air:sdxl:lora:civitai:328553@368189.safetensors", CivitaiVersion(site=CIVITAI, version=368189)),
        ("CIVITAI:328553", CivitaiModel(site=CIVITAI, model=328553)),
        (
            "urn:air:flux1:checkpoint:civitai:1@2+33",
            CivitaiFile(site=CIVITAI, version=2, filters=(("fileId", "33"),)),
        ),
        ("https://example.org/x.safetensors", PlainFile(url="https://example.org/x.safetensors")),
        (f"{HF}/docs/hub", PlainFile(url=f"{HF}/docs/hub")),
        (f"{HF}/acme/m/discussions/3", PlainFile(url=f"{HF}/acme/m/discussions/3")),
        (f"{HF}/acme/m/resolve/main", PlainFile(url=f"{HF}/acme/m/resolve/main")),
        (f"{CIVITAI}/images/5", PlainFile(url=f"{CIVITAI}/images/5")),
        ("https://huggingface.co.evil.example/a/b/resolve/main/c", PlainFile(url="https://huggingface.co.evil.example/a/b/resolve/main/c")),
    ],
)  # fmt: skip
def test_an_address_is_parsed_into_a_source_reference(text: str, place: Reference) -> None:
    assert read(text) == place


def test_addresses_of_a_site_use_its_mirror() -> None:
    for text in (
        f"{HF}/acme/m/blob/main/x.bin",
        "https://mirror.example/hf/acme/m/blob/main/x.bin",
        "acme/m/x.bin",
    ):
        assert read(text, MIRRORS) == hub("acme/m", "x.bin")
    for text in ("https://civitai.red/models/7", "civitai:7", "https://other.example/models/7"):
        assert read(text, MIRRORS) == CivitaiModel(site="https://other.example", model=7)
    assert isinstance(read("https://mirror.example/other/a/b", MIRRORS), PlainFile)


@given(owner=owners, name=names, revision=parts, path=paths, endpoints=st.sampled_from([REAL, MIRRORS]))
def test_a_file_of_a_repository_is_found_again_at_its_address(
    owner: str, name: str, revision: str, path: str, endpoints: Endpoints
) -> None:
    file = hub(f"{owner}/{name}", path, revision)
    address = read_link(file.url(endpoints.hugging_face)).url
    assert reference_of(address, endpoints) == file
    assert reference_of(address.replace("/resolve/", "/blob/", 1), endpoints) == file


@given(
    version=st.integers(0, 10**9),
    filters=st.lists(
        st.tuples(st.sampled_from(["type", "format", "size", "fp"]), parts), unique_by=lambda x: x[0]
    ),
)
def test_a_file_of_civitai_is_found_again_at_its_address(
    version: int, filters: list[tuple[str, str]]
) -> None:
    filters.sort(key=lambda pair: ("type", "format", "size", "fp").index(pair[0]))
    file = CivitaiFile(site=CIVITAI, version=version, filters=tuple(filters))
    assert read(file.url) == file


@given(st.text() | st.from_regex(r"https?://[^/]*/.*") | st.from_regex(r"https?://\S+"))
@example("http://good.example\\@evil.example/x")
@example("http://[::1]:80:80/")
@example("http://a b/")
@example("https://exa\ud800mple.org/")
@example("http://example.org:99999/")
@example("https://ⓔxample.org/x")
def test_any_text_is_rejected_or_an_address_that_libraries_parse_alike(text: str) -> None:
    try:
        link = read_link(text)
    except InvalidRequest:
        return
    assert urlsplit(link.url).scheme in ("http", "https")
    assert not urlsplit(link.url).username
    assert read_link(link.url).url == link.url
    asked = yarl.URL(str(httpx.URL(link.whole)), encoded=True)
    assert (asked.scheme, asked.port) == (origin(link.url)[0], origin(link.url)[2])
    assert httpx.URL(link.whole).host == httpx.URL(link.url).host
    reference_of(link.url, REAL)


@given(
    name=st.sampled_from(
        [
            "token",
            "X-Amz-Signature",
            "Signature",
            "sig",
            "api_key",
            "password",
            "code",
            "expires",
            "verify",
            "Policy",
            "x-goog-signature",
            "%73ig",
        ]
    ),
    before=st.lists(st.tuples(names, names), max_size=3),
    user=st.sampled_from(["", f"ada:{SECRET}@", f"{SECRET}@"]),
)
def test_stored_addresses_contain_no_secret(name: str, before: list[tuple[str, str]], user: str) -> None:
    query = "&".join([*(f"{key}={value}" for key, value in before), f"{name}={SECRET}"])
    link = read_link(f"https://{user}example.org/x.bin?{query}")
    assert SECRET not in link.url
    assert is_signed(link.url)
    assert link.whole == f"https://example.org/x.bin?{query}"
    assert read_link(link.url).url == link.url


def test_links_to_the_same_file_are_stored_alike_whenever_signed() -> None:
    def signed(day: int) -> str:
        about = f"X-Amz-Date=202611{day}T000000Z&X-Amz-Expires=60&X-Amz-Signature={day}abc"
        return f"https://bucket.example/a/x.bin?versionId=7&{about}"

    assert (
        read_link(signed(20)).url
        == read_link(signed(21)).url
        == "https://bucket.example/a/x.bin?versionId=7#signed"
    )


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (f"md5={SECRET}&expires=1790000000", ""),
        (f"file=7&hash={SECRET}&e=1790000000", "?file=7"),
        (f"verify=1790000000-{SECRET}", ""),
        (f"s={SECRET}&exp=1790000000&file=7", "?file=7"),
    ],
)
def test_a_link_with_an_expiry_counts_as_signed(query: str, kept: str) -> None:
    link = read_link(f"https://example.org/x.bin?{query}")
    assert link.url == f"https://example.org/x.bin{kept}#signed"
    assert link.whole == f"https://example.org/x.bin?{query}"


@given(st.text(max_size=300))
@example("..")
@example("a/../b")
@example("x\ud800")
@example("evil\u202egnp.exe")
@example("CON.safetensors.part")
def test_a_typed_name_is_a_safe_component_or_rejected(name: str) -> None:
    try:
        cleaned = clean_name(name)
    except InvalidRequest as refusal:
        refusal.message.encode()
        return
    assert clean_name(cleaned) == cleaned
    assert PurePosixPath("/models", cleaned).parent == PurePosixPath("/models")
    assert PurePosixPath(cleaned).name == cleaned
    assert len(cleaned.encode()) <= MAX_BYTES
    assert not cleaned.startswith(".")
    assert not cleaned.endswith(".part")


@given(st.text(max_size=300))
@example("../../etc/passwd")
@example("C:\\models\\x.safetensors")
@example("é" * 200 + ".safetensors")
def test_a_server_name_becomes_a_safe_one_or_none(name: str) -> None:
    safe = safe_name(name)
    assert safe is None or clean_name(safe) == safe


def test_a_long_name_keeps_its_extension() -> None:
    safe = safe_name("é" * 200 + ".safetensors")
    assert safe
    assert re.fullmatch(r"é+\.safetensors", safe)


@given(st.sampled_from(["loras", "clip", "checkpoints"]), st.lists(st.text(max_size=20), max_size=3))
def test_a_folder_stays_below_the_models(head: str, below: list[str]) -> None:
    try:
        folder = clean_folder("/".join([head, *below]))
    except InvalidRequest:
        return
    assert clean_folder(folder) == folder
    parts_of_folder = folder.split("/")
    assert parts_of_folder[0] in ("loras", "text_encoders", "checkpoints")
    assert all(part and part not in (".", "..") for part in parts_of_folder)


def test_text_that_is_not_an_address_is_rejected_with_a_message() -> None:
    for text in (
        "",
        "not a url",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "x.safetensors",
    ):
        with pytest.raises(InvalidRequest, match=r"complete http|not a URL"):
            read_link(as_url(text, REAL))
    with pytest.raises(InvalidRequest) as refused:
        read_link(f"http://a:b:c?token={quote(SECRET)}")
    assert SECRET not in refused.value.message
