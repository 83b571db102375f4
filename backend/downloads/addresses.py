"""Reading the URLs that people paste. Pure functions."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from backend.core.errors import InvalidRequest
from backend.core.folders import MODEL_FOLDERS, current_name

HUGGING_FACE_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
HUGGING_FACE_FILE = re.compile(
    r"^/(?P<repo>[\w.-]+/[\w.-]+)/(?:resolve|blob|raw)/(?P<revision>[^/]+)/(?P<path>.+)$"
)
UNSAFE_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
MAX_NAME_BYTES = 200  # leaves room for our suffixes below the usual 255


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file in a Hugging Face repository. `revision` and `path` are unquoted."""

    repo: str
    revision: str
    path: str

    def address(self, endpoint: str) -> str:
        return (
            f"{endpoint.rstrip('/')}/{self.repo}/resolve/{quote(self.revision, safe='')}/{quote(self.path)}"
        )


def clean_url(text: str) -> str:
    """`text` as an http(s) URL without user, password, token or fragment; InvalidRequest when it is none."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidRequest(f"'{text[:200]}' is not a URL.", code="bad_url") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\x00-\x20]", text):
        raise InvalidRequest("Only complete http:// and https:// URLs can be downloaded.", code="bad_url")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{port}" if port else host
    query = "&".join(pair for pair in parts.query.split("&") if pair and not _is_secret(pair))
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def _is_secret(pair: str) -> bool:
    name = pair.partition("=")[0].lower()
    return any(
        word in name for word in ("token", "key", "secret", "signature", "password", "credential", "policy")
    )


def hub_file(url: str, endpoint: str) -> HubFile | None:
    """The repository file that a URL of Hugging Face, or of the configured mirror, points to."""
    parts = urlsplit(url)
    if parts.hostname not in HUGGING_FACE_HOSTS and origin(url) != origin(endpoint):
        return None
    match = HUGGING_FACE_FILE.match(parts.path.removeprefix(urlsplit(endpoint).path.rstrip("/")))
    if not match:
        return None
    return HubFile(repo=match["repo"], revision=unquote(match["revision"]), path=unquote(match["path"]))


def is_civitai(url: str, endpoint: str) -> bool:
    return origin(url) in {origin(endpoint), *CIVITAI_ORIGINS}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what a token belongs to."""
    parts = urlsplit(str(url))
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


CIVITAI_ORIGINS = frozenset({("https", "civitai.com", 443), ("https", "civitai.red", 443)})


def name_in(url: str) -> str | None:
    """The file name that a URL ends in, if that looks like a file."""
    name = unquote(PurePosixPath(urlsplit(url).path).name)
    return name if "." in name else None


def clean_name(name: str) -> str:
    """One plain path component, or InvalidRequest."""
    name = name.strip()
    if not name or name.startswith(".") or UNSAFE_IN_NAMES.search(name):
        raise InvalidRequest(
            f"'{name[:100]}' cannot be a file name: use letters, digits, dots and dashes, and no folder.",
            code="bad_filename",
        )
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidRequest(f"The file name is longer than {MAX_NAME_BYTES} bytes.", code="bad_filename")
    return name


def clean_folder(folder: str) -> str:
    """A model folder of ComfyUI, possibly with folders below it, or InvalidRequest."""
    folder = current_name(folder.strip().strip("/"))
    head, *below = folder.split("/")
    if head not in MODEL_FOLDERS:
        known = ", ".join(sorted(MODEL_FOLDERS))
        raise InvalidRequest(
            f"'{head[:100]}' is not a model folder. Choose one of: {known}.", code="bad_folder"
        )
    for part in below:
        clean_name(part)
    return folder
