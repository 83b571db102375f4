"""One download by a client written in Python, measured from its first request; prints seconds and CPU seconds.

python -m benchmarks.support.python_clients comfypod|httpx|huggingface_hub ORIGIN NAME SHA256 FOLDER
"""

import asyncio
import hashlib
import json
import os
import resource
import ssl
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import uvloop

REPOSITORY = "acme/models"


def path_of(name: str) -> str:
    """Return the path in Hugging Face's layout, which its own client needs."""
    return f"{REPOSITORY}/resolve/main/{name}"


async def fetch_with_comfypod(origin: str, name: str, sha256: str, folder: Path) -> None:
    """Use the engine as the control plane does, without the control plane around it."""
    from backend.config.settings import Settings  # noqa: PLC0415
    from backend.downloads.engine.download import FetchLimits  # noqa: PLC0415
    from backend.downloads.engine.fetch import Fetcher  # noqa: PLC0415
    from backend.downloads.engine.models import FileSpec, Progress  # noqa: PLC0415
    from backend.downloads.engine.throttle import Throttle  # noqa: PLC0415
    from backend.sources.hubs import hubs_of  # noqa: PLC0415

    host = origin.removeprefix("https://")
    settings = Settings(workspace=folder, download_allowed_hosts=(host,))
    async with AsyncExitStack() as stack:
        sources = (await hubs_of(settings, stack, folder / "tokens.json")).sources
        fetcher = Fetcher(sources, FetchLimits(), Throttle(), max_files=1)
        url = f"{origin}/{path_of(name)}"
        begin()
        attempt = await fetcher.resolve(
            FileSpec(url=url, target=folder / name, sha256=sha256), url, Progress()
        )
        result = await fetcher.download(attempt, lambda _: None, lambda: None)
    assert result.sha256 == sha256


async def fetch_with_httpx(origin: str, name: str, sha256: str, folder: Path) -> None:
    """Use the simplest httpx loop."""
    digest = hashlib.sha256()
    trust = ssl.create_default_context()
    begin()
    async with (
        httpx.AsyncClient(verify=trust) as client,
        client.stream("GET", f"{origin}/{path_of(name)}") as response,
    ):
        with (folder / name).open("wb") as file:
            async for chunk in response.aiter_bytes():
                file.write(chunk)
                digest.update(chunk)
    assert digest.hexdigest() == sha256


def fetch_with_huggingface_hub(origin: str, name: str, sha256: str, folder: Path) -> None:
    """Hash the file after the download, because this client does not."""
    os.environ |= {
        "HF_ENDPOINT": origin,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HOME": str(folder / "home"),
    }
    from huggingface_hub import hf_hub_download  # noqa: PLC0415

    begin()
    path = hf_hub_download(REPOSITORY, name, local_dir=folder)
    with Path(path).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == sha256


_began: Future[tuple[float, float]] = Future()


def begin() -> None:
    _began.set_result((time.monotonic(), cpu_seconds()))


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


CLIENTS: dict[str, Callable[[str, str, str, Path], None]] = {
    "comfypod": lambda *args: uvloop.run(fetch_with_comfypod(*args)),
    "httpx": lambda *args: asyncio.run(fetch_with_httpx(*args)),
    "huggingface_hub": fetch_with_huggingface_hub,
}


def main() -> None:
    client, origin, name, sha256, folder = sys.argv[1:]
    CLIENTS[client](origin, name, sha256, Path(folder))
    began, cpu = _began.result()
    print(json.dumps({"seconds": time.monotonic() - began, "cpu_seconds": cpu_seconds() - cpu}))


if __name__ == "__main__":
    main()
