"""What ComfyUI tells about itself and its machine, and its log."""

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from backend.comfy.errors import ComfyError, Rejected
from backend.comfy.redaction import redact_arguments, redact_text
from backend.comfy.transport import Transport
from backend.comfy.wire import Wire, as_dict, as_list, as_text, read


class Device(Wire):
    name: str = ""
    type: str = ""
    # Bytes.
    vram_total: int | None = None
    vram_free: int | None = None


class System(Wire):
    os: str = ""
    comfyui_version: str = ""
    python_version: str = ""
    pytorch_version: str = ""
    # Bytes.
    ram_total: int | None = None
    ram_free: int | None = None
    argv: list[str] = Field(default_factory=list)


class SystemStats(Wire):
    system: System = System()
    devices: list[Device] = Field(default_factory=list)


class Features(Wire):
    """What this version can do; all defaults for one that does not tell."""

    # Bytes.
    max_upload_size: int | None = None
    supports_preview_metadata: bool = False
    assets: bool = False


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    # As ComfyUI writes it, in its own time zone.
    time: str
    text: str


class ServerInfo:
    def __init__(self, transport: Transport):
        self._transport = transport

    async def is_up(self) -> bool:
        try:
            await self.stats()
        except ComfyError:
            return False
        return True

    async def stats(self) -> SystemStats:
        """Return versions, memory and devices, and the command line without secrets."""
        stats = read(SystemStats, await self._transport.get_json("/system_stats"), "GET /system_stats")
        shown = stats.system.model_copy(update={"argv": list(redact_arguments(stats.system.argv))})
        return stats.model_copy(update={"system": shown})

    async def features(self) -> Features:
        try:
            return read(Features, await self._transport.get_json("/features"), "GET /features")
        except Rejected:
            return Features()

    async def log(self) -> list[LogEntry]:
        """Return the last lines of the log, without secrets. ComfyUI keeps about 300."""
        request = "GET /internal/logs/raw"
        found = as_dict(await self._transport.get_json("/internal/logs/raw"), request)
        return read_log(as_list(found.get("entries"), request))

    async def free(self, *, unload_models: bool = True, free_memory: bool = True) -> None:
        """Unload models and empty caches. ComfyUI does so when the prompt that runs has ended."""
        await self._transport.post("/free", {"unload_models": unload_models, "free_memory": free_memory})


def read_log(entries: list[Any]) -> list[LogEntry]:
    return [
        LogEntry(time=as_text(entry.get("t")), text=redact_text(as_text(entry.get("m"))))
        for entry in entries
        if isinstance(entry, dict)
    ]
