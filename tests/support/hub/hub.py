"""The Python API of the hub: add files, inject faults, inspect requests."""

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar

import trustme

from tests.support.hub.catalogue import Catalogue, CivitaiVersion, HubFile, PlainFile, Repository
from tests.support.hub.content import Content, literal
from tests.support.hub.control import content_for
from tests.support.hub.faults import Fault
from tests.support.hub.gates import Gate
from tests.support.hub.quotas import WINDOW_SECONDS, Kind
from tests.support.hub.server import HubServer, Origin
from tests.support.hub.state import Recorded, State
from tests.support.hub.tokens import Tokens

Bytes = int | bytes | Content
File = HubFile | PlainFile | CivitaiVersion
OriginName = Literal["hub", "cdn"]
AnyFault = TypeVar("AnyFault", bound=Fault)


class Hub:
    """A hub that runs in its own thread. Every method may be called from any thread."""

    def __init__(
        self, state: State, server: HubServer, loop: asyncio.AbstractEventLoop, ca_file: Path | None
    ) -> None:
        self._state = state
        self._server = server
        self._loop = loop
        # the certificate authority to trust, if the hub uses TLS
        self.ca_file = ca_file

    @property
    def url(self) -> str:
        return self._url_of(self._server.hub)

    @property
    def cdn_url(self) -> str:
        return self._url_of(self._server.cdn)

    @property
    def civitai_url(self) -> str:
        """Return the same server under another name, a different origin from Hugging Face."""
        return self.url.replace("127.0.0.1", "localhost")

    @property
    def cdn_hosts(self) -> tuple[str, str]:
        """Return the hosts of signed URLs, each with its port."""
        port = self._server.cdn.port
        return f"127.0.0.1:{port}", f"localhost:{port}"

    @property
    def requests(self) -> list[Recorded]:
        """Return all requests so far, in order, on both origins."""
        return list(self._state.requests)

    def requests_to(self, origin: OriginName) -> list[Recorded]:
        return [seen for seen in self._state.requests if seen.origin == origin]

    def forget_requests(self) -> None:
        self._state.requests.clear()

    @property
    def tokens(self) -> Tokens:
        return self._state.tokens

    @property
    def civitai_tokens(self) -> set[str]:
        return self._state.civitai_tokens

    @property
    def catalogue(self) -> Catalogue:
        return self._state.catalogue

    def repository(self, name: str) -> Repository:
        """Return a repository, to set `gated`, `private` or `licence`, or to read its commits."""
        return self.catalogue.repository(name)

    def add(
        self,
        repo: str,
        path: str,
        content: Bytes,
        *,
        seed: int = 0,
        lfs: bool | None = None,
        security: str = "safe",
    ) -> HubFile:
        """Add a file to a repository, given as bytes, content or size. Each call makes a commit."""
        return self.catalogue.add(repo, path, _content(path, content, seed), lfs, security)

    def add_plain(self, path: str, content: Bytes, *, seed: int = 0) -> PlainFile:
        """Add a file under `/files/`."""
        return self.catalogue.add_plain(path, _content(path, content, seed))

    def add_civitai(
        self, version_id: int, filename: str, content: Bytes, *, seed: int = 0, **about: Any
    ) -> CivitaiVersion:
        """Add a Civitai version; `about` sets the other fields of `CivitaiVersion`."""
        about.setdefault("model_id", version_id // 10)
        body = _content(filename, content, seed)
        return self.catalogue.add_civitai(
            CivitaiVersion(id=version_id, filename=filename, content=body, **about)
        )

    def url_of(self, file: File, revision: str = "main") -> str:
        """Return the address that a user would paste."""
        if isinstance(file, HubFile):
            return f"{self.url}/{file.repo}/resolve/{revision}/{file.path}"
        if isinstance(file, PlainFile):
            return f"{self.url}/files/{file.path}"
        return f"{self.civitai_url}/api/download/models/{file.id}"

    def signed_url_of(self, file: HubFile) -> str:
        """Return the signed address on the CDN, as a user copies it from a browser's downloads."""
        commit = self.repository(file.repo).commit_of("main")
        return self._state.links.signed(
            self.cdn_url, f"repos/{commit}/{file.key}", file.path.rpartition("/")[2]
        )

    def fault(self, file: File | str, fault: AnyFault) -> AnyFault:
        """Add a fault for a file, or for every URL whose path begins with the given string."""
        self._state.faults.add(_key(file), fault)
        return fault

    def clear_faults(self, file: File | str | None = None) -> None:
        self._state.faults.clear(None if file is None else _key(file))

    def hold(self, file: File | str, after: int = 0, ignore_below: int = 0) -> Gate:
        """Let `after` bytes of a file pass, then nothing until the gate is advanced or released."""
        gate = self._state.gates[_key(file)] = Gate(after, ignore_below)
        return gate

    def expire_links(self) -> None:
        """Expire every signed URL issued so far."""
        self._state.links.expire_all()

    def throttle(self, bytes_per_second: float | None) -> None:
        """Limit each connection; None lifts the limit."""
        self._state.throttle = bytes_per_second

    def paginate(self, page_size: int) -> None:
        self._state.page_size = page_size

    def limit(self, kind: Kind, allowed: int, window: float = WINDOW_SECONDS) -> None:
        """Respond with 429 after `allowed` requests to Hugging Face within `window` seconds."""
        self._state.quotas.limit(kind, allowed, window)

    def offer_xet(self) -> None:
        """Send the headers that direct a client to Xet storage."""
        self._state.xet = True

    @contextmanager
    def unreachable(self, origin: OriginName = "hub") -> Iterator[None]:
        """Refuse connections to the origin inside the block."""
        target = self._server.hub if origin == "hub" else self._server.cdn
        self._run(target.refuse())
        try:
            yield
        finally:
            self._run(target.listen())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _url_of(self, origin: Origin) -> str:
        return f"{'https' if self.ca_file else 'http'}://127.0.0.1:{origin.port}"


@contextmanager
def running_hub(*, port: int = 0, tls: bool = False, link_lifetime: float = 3600) -> Iterator[Hub]:
    """Run a hub in its own thread. At the end, close all connections, also stalled ones."""
    state = State()
    state.links.lifetime = link_lifetime
    with _authority(tls) as (context, ca_file), _background_loop() as loop:
        server = HubServer(state, "127.0.0.1", port, context)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        try:
            yield Hub(state, server, loop, ca_file)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()


@contextmanager
def _background_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="hub")
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def _authority(tls: bool) -> Iterator[tuple[ssl.SSLContext | None, Path | None]]:
    if not tls:
        yield None, None
        return
    with TemporaryDirectory() as folder:
        context, ca_file = server_context(Path(folder))
        yield context, ca_file


def server_context(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a certificate for loopback, and the path of its authority in `folder`."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return context, ca_file


def _content(path: str, content: Bytes, seed: int) -> Content:
    if isinstance(content, bytes):
        return literal(content)
    return content_for(path, content, seed) if isinstance(content, int) else content


def _key(file: File | str) -> str:
    return file if isinstance(file, str) else file.key
