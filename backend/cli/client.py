"""One control plane, spoken to over its API."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from backend import __version__
from backend.cli.errors import NoControlPlane, NotSignedIn, Refused
from backend.downloads.models import LogLine
from backend.downloads.policy import Policy
from backend.downloads.schemas import BatchReport, TransferView
from backend.presets.models import Preset
from backend.presets.schemas import (
    ExportReport,
    FetchReport,
    PresetStatus,
    PresetSummary,
    UpdateReport,
    WorkflowRequirements,
)
from backend.storage.models import ModelView

Answer = TypeVar("Answer")

# A hub may be asked for sizes before the answer comes.
TIMEOUT = httpx.Timeout(120, connect=10)
# How long a control plane may be away, as when it restarts, before a watcher gives up.
AWAY_SECONDS = 60.0
LOOK_SECONDS = 0.5
# A frame without news, so that what counts down is drawn again.
TICK_SECONDS = 1.0
# What a row of progress tells behind its id; one from a newer control plane may tell more.
PROGRESS = ("received", "bytes", "speed", "seconds_left", "checked", "connections")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """News of transfers. A snapshot names all there are, progress only what moves."""

    snapshot: bool = False
    transfers: list[TransferView] = field(default_factory=list)
    # By id, the fields of a view that progress changes.
    progress: dict[str, dict[str, float | None]] = field(default_factory=dict)


class ControlPlane:
    """Signed in with `token`. `begin` lets transfers start where that waits for us: when we stand alone."""

    def __init__(
        self, http: httpx.Client, token: str, *, alone: bool = False, begin: Callable[[], None] = lambda: None
    ):
        self.alone = alone
        self.begin = begin
        self._http = http
        self._authorization = {"Authorization": f"Bearer {token}"}

    def presets(self, **search: str | bool | None) -> list[PresetSummary]:
        wanted = {name: value for name, value in search.items() if value is not None}
        return self._get("/api/presets", list[PresetSummary], **wanted)

    def preset(self, preset_id: str) -> Preset:
        return self._get(f"/api/presets/{_part(preset_id)}", Preset)

    def status(self, preset_id: str) -> PresetStatus:
        """With sizes that the hub is asked for."""
        return self._get(f"/api/presets/{_part(preset_id)}/status", PresetStatus, ask=True)

    def install(
        self, preset_id: str, *, allow_pickle: bool = False, replace: bool = False
    ) -> list[TransferView]:
        wanted = {"allow_pickle": allow_pickle, "replace": replace}
        query = "&".join(f"{name}=true" for name, is_wanted in wanted.items() if is_wanted)
        return self._post(f"/api/presets/{_part(preset_id)}/download?{query}", list[TransferView])

    def update(self) -> UpdateReport:
        return self._post("/api/presets/update", UpdateReport)

    def add_preset(self, definition: bytes) -> Preset:
        return self._send("/api/presets/import", Preset, definition)

    def add_preset_from(self, url: str) -> Preset:
        return self._send("/api/presets/import", Preset, b"", url=url)

    def export(self, **wanted: Any) -> ExportReport:
        return self._post("/api/presets/export", ExportReport, wanted)

    def needs_of(self, workflow: bytes) -> WorkflowRequirements:
        return self._send("/api/presets/from-workflow", WorkflowRequirements, workflow)

    def fetch_for(self, workflow: bytes, *, allow_pickle: bool) -> FetchReport:
        return self._send(
            "/api/presets/from-workflow/download", FetchReport, workflow, allow_pickle=allow_pickle
        )

    def download(self, **wanted: str | bool | None) -> TransferView:
        return self._post("/api/downloads", TransferView, wanted)

    def download_all(self, **wanted: str | bool | None) -> BatchReport:
        return self._post("/api/downloads/batch", BatchReport, wanted)

    def transfers(self, **wanted: Any) -> list[TransferView]:
        return self._get("/api/downloads", list[TransferView], **wanted)

    def steer(self, action: str, transfer_id: str) -> TransferView:
        return self._post(f"/api/downloads/{_part(transfer_id)}/{action}", TransferView)

    def steer_all(self, action: str) -> list[TransferView]:
        return self._post(f"/api/downloads/{action}", list[TransferView])

    def put_first(self, ids: Sequence[str]) -> list[TransferView]:
        return self._post("/api/downloads/order", list[TransferView], {"ids": list(ids)})

    def clear(self) -> None:
        self._ask("POST", "/api/downloads/clear")

    def log(self, transfer_id: str) -> list[LogLine]:
        return self._get(f"/api/downloads/{_part(transfer_id)}/log", list[LogLine])

    def policy(self) -> Policy:
        return self._get("/api/downloads/policy", Policy)

    def set_policy(self, policy: dict[str, Any]) -> Policy:
        return self._read(self._ask("PUT", "/api/downloads/policy", json=policy), Policy)

    def models(self) -> list[ModelView]:
        """Every model: the pages of the list, one after the other."""
        found: list[ModelView] = []
        address = "/api/storage/models?limit=1000"
        while address:
            answer = self._ask("GET", address)
            found += self._read(answer, list[ModelView])
            address = answer.links.get("next", {}).get("url", "")
        return found

    def delete_model(self, path: str) -> None:
        self._ask("DELETE", f"/api/storage/models/{quote(path)}")

    def frames(self) -> Iterator[Frame]:
        """News without end, a snapshot first. A control plane that restarts is waited for."""
        while True:
            with self._socket() as socket, suppress(ConnectionClosed):
                while True:
                    yield _next_frame(socket)

    def _socket(self) -> ClientConnection:
        deadline = time.monotonic() + AWAY_SECONDS
        address = str(self._http.base_url.join("ws/downloads")).replace("http", "ws", 1)
        proxy: Literal[True] | None = True if self._http.trust_env else None
        while True:
            try:
                return connect(address, additional_headers=self._authorization, proxy=proxy, max_size=None)
            except InvalidStatus as error:
                if error.response.status_code == httpx.codes.FORBIDDEN:
                    raise NotSignedIn("The session has ended. Start the command again.") from None
            except (OSError, WebSocketException):
                pass
            if time.monotonic() > deadline:
                raise NoControlPlane(
                    f"The control plane at {self._http.base_url} does not answer any more. What has arrived stays; "
                    "it goes on with the downloads when it is started again."
                )
            time.sleep(LOOK_SECONDS)

    def _get(self, path: str, kind: type[Answer], **query: Any) -> Answer:
        return self._read(self._ask("GET", path, params=query), kind)

    def _post(self, path: str, kind: type[Answer], body: dict[str, Any] | None = None) -> Answer:
        return self._read(self._ask("POST", path, json=body), kind)

    def _send(self, path: str, kind: type[Answer], content: bytes, **query: Any) -> Answer:
        return self._read(self._ask("POST", path, content=content, params=query), kind)

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        return ask(self._http, method, path, headers=self._authorization, **request)

    def _read(self, answer: httpx.Response, kind: type[Answer]) -> Answer:
        try:
            return TypeAdapter(kind).validate_json(answer.content)
        except ValidationError:
            raise NoControlPlane(
                f"The control plane at {self._http.base_url} answers in a way that this command (version "
                f"{__version__}) does not understand. Use the command of its own version."
            ) from None


def ask(http: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response:
    """The answer, if it is a success; `Refused` or `NoControlPlane` otherwise."""
    try:
        answer = http.request(method, path, **request)
    except httpx.TransportError as error:
        raise NoControlPlane(
            f"The control plane at {http.base_url} does not answer: {str(error) or 'no answer in time'}."
        ) from None
    if answer.is_success:
        return answer
    try:
        problem = answer.json()["error"]
        refusal = Refused(problem["code"], problem["message"], problem["details"])
    except (ValueError, KeyError, TypeError):
        raise NoControlPlane(
            f"What answers at {http.base_url} is no control plane: it says {answer.status_code} "
            f"{answer.reason_phrase} to {path}."
        ) from None
    raise refusal


def _next_frame(socket: ClientConnection) -> Frame:
    try:
        frame = json.loads(socket.recv(timeout=TICK_SECONDS))
    except TimeoutError:
        return Frame()
    match frame:
        case {"type": "snapshot", "transfers": transfers}:
            return Frame(
                snapshot=True, transfers=[TransferView.model_validate(transfer) for transfer in transfers]
            )
        case {"type": "changed", "transfer": transfer}:
            return Frame(transfers=[TransferView.model_validate(transfer)])
        case {"type": "progress", "rows": rows}:
            return Frame(progress={row[0]: _progress(row) for row in rows})
    return Frame()


def _progress(row: list[Any]) -> dict[str, float | None]:
    """A size that is not told now may have been told before."""
    fields = dict(zip(PROGRESS, row[1:], strict=False))
    return {name: value for name, value in fields.items() if (name, value) != ("bytes", None)}


def _part(word: str) -> str:
    """What somebody typed, as one part of a path."""
    return quote(word, safe="")
