"""What a URL refers to, from its text alone: one file, a folder, a model. Pure functions.

Supported are Hugging Face's pages and files (`/tree/`, `/blob/`, `/resolve/`, `owner/name`, `hf://owner/name`),
Civitai's pages and downloads, AIRs of either (`urn:air:…` identifiers), and any other http(s) URL.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from backend.sources.addresses import CIVITAI_SITES, origin

HUGGING_FACE_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
CIVITAI_HOSTS = frozenset({"civitai.com", "www.civitai.com", "civitai.red", "civitai.green"})
# Pages of Hugging Face whose URLs look like repositories.
NO_OWNERS = frozenset(
    {
        "api",
        "blog",
        "collections",
        "datasets",
        "docs",
        "learn",
        "models",
        "papers",
        "posts",
        "settings",
        "spaces",
    }
)

# A path that ends like this names a file, not a repository.
FILE_ENDINGS = (".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth", ".bin", ".onnx", ".zip")

NAME = r"\w[\w.-]*"
NUMBER = r"\d{1,15}"
REPO = rf"(?P<repo>(?:(?:datasets|spaces)/)?{NAME}/{NAME})"
REVISION = r"(?P<revision>refs/(?:pr|convert)/[\w.-]+|[^/]+)"
VERB = r"(?P<verb>resolve|blob|raw|blame|edit|tree)"
IN_REPO = re.compile(rf"/{REPO}(?:/{VERB}/{REVISION}(?:/(?P<path>.*))?)?/?", re.ASCII)
# Repositories from before there were owners, such as `gpt2`.
IN_OLD_REPO = re.compile(rf"/(?P<repo>{NAME})/{VERB}/{REVISION}(?:/(?P<path>.*))?", re.ASCII)
HF_URI = re.compile(rf"hf://{REPO}(?:@{REVISION})?(?:/(?P<path>.*))?", re.ASCII)
# Owner names contain no dot; a first part with a dot is a host.
BARE_REPO = re.compile(rf"(?P<repo>[\w-]+/{NAME})(?P<revision>)(?:/(?P<path>.*))?", re.ASCII)

CIVITAI_MODEL = re.compile(rf"/(?:api/v1/)?models/(?P<model>{NUMBER})(?:/.*)?", re.ASCII)
CIVITAI_VERSION = re.compile(rf"/(?:api/v1/)?model-versions/(?P<version>{NUMBER})/?", re.ASCII)
CIVITAI_DOWNLOAD = re.compile(rf"/api/download/models/(?P<version>{NUMBER})/?", re.ASCII)
# Query parameters that select one of a version's files.
FILTERS = ("fileId", "type", "format", "size", "fp")

# urn:air:{ecosystem}:{type}:{source}:{id}@{version}+{file}.{format}; all but source and id are optional.
AIR = r"(?:urn:)?(?:air:)?(?:[\w-]+:){0,2}"
CIVITAI_AIR = re.compile(
    rf"{AIR}civitai:(?P<model>{NUMBER})(?:@(?P<version>{NUMBER}))?(?:\+(?P<file>{NUMBER}))?(?:\.\w+)?",
    re.ASCII | re.IGNORECASE,
)
HUGGING_FACE_AIR = re.compile(
    rf"{AIR}huggingface:{REPO}(?:/(?P<path>[^@]*))?(?:@{REVISION})?", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file in a Hugging Face repository. `revision` and `path` are unquoted."""

    repo: str
    revision: str
    path: str

    def url(self, endpoint: str) -> str:
        return f"{endpoint}/{self.repo}/resolve/{quote(self.revision, safe='')}/{quote(self.path)}"


@dataclass(frozen=True, kw_only=True)
class HubFolder:
    """A Hugging Face repository, or a folder in it."""

    repo: str
    revision: str
    # Empty for the whole repository.
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class CivitaiModel:
    """A model without a version: its newest version is used."""

    # The address of the hub to ask.
    site: str
    model: int


@dataclass(frozen=True, kw_only=True)
class CivitaiVersion:
    """A version with all its files, one of them the primary one."""

    site: str
    version: int


@dataclass(frozen=True, kw_only=True)
class CivitaiFile:
    """The file of a version that `filters` select; without filters, the primary file."""

    site: str
    version: int
    filters: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        query = f"?{urlencode(self.filters)}" if self.filters else ""
        return f"{self.site}/api/download/models/{self.version}{query}"

    def selects(self, properties: Iterable[tuple[str, str]]) -> bool:
        """Return whether a file with these properties passes the filters."""
        actual = {name: value.lower() for name, value in properties}
        return all(actual.get(name) == value.lower() for name, value in self.filters)


@dataclass(frozen=True, kw_only=True)
class PlainFile:
    """A file on a web server that is not a hub."""

    url: str


Reference: TypeAlias = HubFile | HubFolder | CivitaiModel | CivitaiVersion | CivitaiFile | PlainFile


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """The addresses of the hubs, or of their mirrors, without a slash at the end."""

    hugging_face: str
    civitai: str


def as_url(text: str, endpoints: Endpoints) -> str:
    """Turn what users may write instead of a URL into one: an AIR, `owner/name`, `hf://…`, a URL without its scheme."""
    text = text.strip()
    if air := CIVITAI_AIR.fullmatch(text):
        return _page_of_air(air, endpoints.civitai)
    if found := HUGGING_FACE_AIR.fullmatch(text) or HF_URI.fullmatch(text) or BARE_REPO.fullmatch(text):
        path = quote((found["path"] or "").strip("/"))
        verb = "resolve" if "." in path.rpartition("/")[2] else "tree"
        revision = quote(found["revision"] or "main", safe="")
        return f"{endpoints.hugging_face}/{found['repo']}/{verb}/{revision}/{path}".rstrip("/")
    if text.partition("/")[0].lower() in HUGGING_FACE_HOSTS | CIVITAI_HOSTS:
        return f"https://{text}"
    return text


def _page_of_air(air: re.Match[str], site: str) -> str:
    if air["version"] and air["file"]:
        return f"{site}/api/download/models/{air['version']}?fileId={air['file']}"
    version = f"?modelVersionId={air['version']}" if air["version"] else ""
    return f"{site}/models/{air['model']}{version}"


def reference_of(url: str, endpoints: Endpoints) -> Reference:
    """Return what `url` refers to. Secrets have been removed from it."""
    parts = urlsplit(url)
    found: Reference | None = None
    if parts.hostname in HUGGING_FACE_HOSTS:
        found = _on_hugging_face(parts.path)
    elif parts.hostname in CIVITAI_HOSTS:
        found = _on_civitai(parts, parts.path, _civitai_site(url, endpoints))
    if not found and _is_below(url, endpoints.hugging_face):
        found = _on_hugging_face(_path_below(parts, endpoints.hugging_face))
    if not found and _is_below(url, endpoints.civitai):
        found = _on_civitai(parts, _path_below(parts, endpoints.civitai), endpoints.civitai)
    return found or PlainFile(url=url)


def _on_hugging_face(path: str) -> HubFile | HubFolder | None:
    match = IN_REPO.fullmatch(path) or IN_OLD_REPO.fullmatch(path)
    if not match or match["repo"].rpartition("/")[0] in NO_OWNERS or match["repo"].endswith(FILE_ENDINGS):
        return None
    revision = unquote(match["revision"] or "main")
    below = unquote(match["path"] or "").strip("/")
    if match["verb"] in (None, "tree"):
        return HubFolder(repo=match["repo"], revision=revision, path=below)
    return HubFile(repo=match["repo"], revision=revision, path=below) if below else None


def _on_civitai(parts: SplitResult, path: str, site: str) -> Reference | None:
    if match := CIVITAI_DOWNLOAD.fullmatch(path):
        return CivitaiFile(site=site, version=int(match["version"]), filters=filters_in(parts.query))
    if match := CIVITAI_VERSION.fullmatch(path):
        return CivitaiVersion(site=site, version=int(match["version"]))
    if match := CIVITAI_MODEL.fullmatch(path):
        version = dict(parse_qsl(parts.query)).get("modelVersionId", "")
        if re.fullmatch(NUMBER, version, re.ASCII):
            return CivitaiVersion(site=site, version=int(version))
        return CivitaiModel(site=site, model=int(match["model"]))
    return None


def filters_in(query: str) -> tuple[tuple[str, str], ...]:
    """Return the filters in the query of a download URL."""
    fields = dict(parse_qsl(query))
    return tuple((name, fields[name]) for name in FILTERS if name in fields)


def _civitai_site(url: str, endpoints: Endpoints) -> str:
    """Return the site to ask: the mirror if there is one, else the URL's own site if that has an API."""
    if endpoints.civitai not in CIVITAI_SITES:
        return endpoints.civitai
    return next((site for site in CIVITAI_SITES if origin(site) == origin(url)), endpoints.civitai)


def _is_below(url: str, endpoint: str) -> bool:
    return origin(url) == origin(endpoint) and urlsplit(url).path.startswith(f"{urlsplit(endpoint).path}/")


def _path_below(parts: SplitResult, endpoint: str) -> str:
    return parts.path.removeprefix(urlsplit(endpoint).path)
