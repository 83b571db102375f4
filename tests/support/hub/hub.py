"""The hub's Python door: declare files, break them, see who asked for what."""

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
    """A hub that is running in a thread of its own. Every method may be called from any thread."""

    def __init__(
        self, state: State, server: HubServer, loop: asyncio.AbstractEventLoop, ca_file: Path | None
    ) -> None:
        self._state = state
        self._server = server
        self._loop = loop
        # the certificate authority to trust, when the hub speaks TLS
        self.ca_file = ca_file

    @property
    def url(self) -> str:
        return self._url_of(self._server.hub)

    @property
    def cdn_url(self) -> str:
        return self._url_of(self._server.cdn)

    @property
    def civitai_url(self) -> str:
        """The same server by another name, so that it is another origin than Hugging Face."""
        return self.url.replace("127.0.0.1", "localhost")

    @property
    def cdn_hosts(self) -> tuple[str, str]:
        """The names under which signed URLs lead to the CDN, each with its port."""
        port = self._server.cdn.port
        return f"127.0.0.1:{port}", f"localhost:{port}"

    @property
    def requests(self) -> list[Recorded]:
        """Everything that was asked so far, in order, on both origins."""
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
        """To set `gated`, `private`, `licence`; to read its commits."""
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
        """A file of a model repository, given as bytes, as content or as a size. Adding again is a new commit."""
        return self.catalogue.add(repo, path, _content(path, content, seed), lfs, security)

    def add_plain(self, path: str, content: Bytes, *, seed: int = 0) -> PlainFile:
        """A file under `/files/`."""
        return self.catalogue.add_plain(path, _content(path, content, seed))

    def add_civitai(
        self, version_id: int, filename: str, content: Bytes, *, seed: int = 0, **about: Any
    ) -> CivitaiVersion:
        """A Civitai version; `about` sets the other fields of `CivitaiVersion`."""
        about.setdefault("model_id", version_id // 10)
        body = _content(filename, content, seed)
        return self.catalogue.add_civitai(
            CivitaiVersion(id=version_id, filename=filename, content=body, **about)
        )

    def url_of(self, file: File, revision: str = "main") -> str:
        """The address a person would paste."""
        if isinstance(file, HubFile):
            return f"{self.url}/{file.repo}/resolve/{revision}/{file.path}"
        if isinstance(file, PlainFile):
            return f"{self.url}/files/{file.path}"
        return f"{self.civitai_url}/api/download/models/{file.id}"

    def signed_url_of(self, file: HubFile) -> str:
        """The address on the CDN that somebody copies from a browser's list of downloads."""
        commit = self.repository(file.repo).commit_of("main")
        return self._state.links.signed(
            self.cdn_url, f"repos/{commit}/{file.key}", file.path.rpartition("/")[2]
        )

    def fault(self, file: File | str, fault: AnyFault) -> AnyFault:
        """Put a fault before a file, or before every URL whose path begins with the given string."""
        self._state.faults.add(_key(file), fault)
        return fault

    def clear_faults(self, file: File | str | None = None) -> None:
        self._state.faults.clear(None if file is None else _key(file))

    def hold(self, file: File | str, after: int = 0, ignore_below: int = 0) -> Gate:
        """Let `after` bytes of a file pass, then nothing until the gate is advanced or released."""
        gate = self._state.gates[_key(file)] = Gate(after, ignore_below)
        return gate

    def expire_links(self) -> None:
        """Every signed URL given out so far is too old from now on."""
        self._state.links.expire_all()

    def throttle(self, bytes_per_second: float | None) -> None:
        """Limit each connection; None lifts the limit."""
        self._state.throttle = bytes_per_second

    def paginate(self, page_size: int) -> None:
        self._state.page_size = page_size

    def limit(self, kind: Kind, allowed: int, window: float = WINDOW_SECONDS) -> None:
        """Answer 429 to more than so many requests to Hugging Face in `window` seconds from now."""
        self._state.quotas.limit(kind, allowed, window)

    def offer_xet(self) -> None:
        """Send the headers that lead a client to Xet storage."""
        self._state.xet = True

    @contextmanager
    def unreachable(self, origin: OriginName = "hub") -> Iterator[None]:
        """Connections to the origin are refused inside the block."""
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
    """A hub in its own thread, ready when the block is entered; at the end even stalled connections are closed."""
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
    """A certificate for loopback, and in `folder` the authority that vouches for it."""
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
