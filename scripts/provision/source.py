"""Finds the provisioning document: a file on the volume, or an address whose content has a known hash."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from backend.core.files import write_atomically

FILE = "provision.yaml"
SECONDS = 30.0
MAX_BYTES = 2**18
SHA256_DIGITS = 64


class SourceError(Exception):
    """There should be a document, and it cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the document is."""

    # A path, or an address without query and user.
    name: str
    # Set for a file.
    path: Path | None = None
    url: str = ""
    sha256: str = ""


def source_from(workspace: Path, environment: Mapping[str, str]) -> Source | None:
    """Return the source of the document. The file on the volume goes before the address."""
    path = workspace / FILE
    if path.exists():
        return Source(name=str(path), path=path)
    url = environment.get("PROVISION_URL", "").strip()
    if not url:
        return None
    parts = urlsplit(url)
    sha256 = environment.get("PROVISION_SHA256", "").strip().lower()
    return Source(name=f"{parts.scheme}://{parts.hostname}{parts.path}", url=url, sha256=sha256)


def read(source: Source, folder: Path) -> tuple[bytes, Path]:
    """Return the document and the file in `folder` that holds it. Raise SourceError when it cannot be read."""
    content = _read_file(source.path) if source.path else _read_address(source, folder)
    saved = folder / f"document-{hashlib.sha256(content).hexdigest()}.yaml"
    if not saved.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(saved, content)
        except OSError as error:
            raise SourceError(f"The document cannot be saved on the volume: {error.strerror}.") from None
    return content, saved


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _limited(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from None


def _read_address(source: Source, folder: Path) -> bytes:
    """The hash names the content, so a copy on the volume is as good as the address."""
    if len(source.sha256) != SHA256_DIGITS or not set(source.sha256) <= set("0123456789abcdef"):
        raise SourceError(
            "PROVISION_URL is not read without PROVISION_SHA256, because the document runs programs as root. Set it to the "
            "output of `sha256sum` for the document."
        )
    try:
        return (folder / f"document-{source.sha256}.yaml").read_bytes()
    except OSError:
        content = _fetch(source)
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise SourceError(
            f"The document at {source.name} has the SHA-256 {found}, not the one in PROVISION_SHA256. Read it, and set the "
            "variable if the change is wanted."
        )
    return content


def _fetch(source: Source) -> bytes:
    if urlsplit(source.url).scheme not in ("http", "https"):
        raise SourceError("PROVISION_URL must begin with https:// or http://.")
    from urllib.request import Request, urlopen  # noqa: PLC0415 - the TLS library, which few pods need here

    request = Request(source.url, headers={"User-Agent": "comfypod"})  # noqa: S310 - checked above
    try:
        with urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return _limited(response.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:  # URLError is an OSError
        raise SourceError(
            f"The document cannot be read from {source.name}: {error}. ComfyUI's next start tries again."
        ) from None


def _limited(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise SourceError(f"The document has more than {MAX_BYTES // 1024} KiB.")
    return content
