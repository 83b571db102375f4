"""A user views GPUs that report few values, and a driver that hangs."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.process import ROOT, Process, running_process

PASSWORD = "gpu test password"
WHOLE = {
    "name": "Whole GPU",
    "memory_total": 24 * 2**30,
    "memory_used": 2**30,
    "utilisation": 40,
    "temperature": 61,
    "power": None,
}
NOTHING = {"memory_total": None, "memory_used": None, "utilisation": None, "temperature": None, "power": None}
DEVICES = [WHOLE, {"name": "Slice of a GPU", **NOTHING}, {"name": "GPU 2", **NOTHING}]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a stand-in for libnvidia-ml.so.1."""
    if not shutil.which("cc") and not os.environ.get("REQUIRE_ALL"):
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("nvml")
    source = ROOT / "tests/support/nvml.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", source], check=True)
    return folder


@pytest.fixture
def driver_hangs(tmp_path: Path) -> Path:
    """Return the path of a file; while it exists, the driver does not answer."""
    return tmp_path / "hangs"


@pytest.fixture
def plane(library: Path, driver_hangs: Path, tmp_path: Path) -> Iterator[Process]:
    environment = {
        "WORKSPACE": str(tmp_path / "workspace"),
        "RUN_DIR": str(tmp_path / "run"),
        "ACCESS_PASSWORD": PASSWORD,
        "COMFYUI_URL": "http://127.0.0.1:9",
        "LD_LIBRARY_PATH": str(library),
        "NVML_HANGS": str(driver_hangs),
    }
    # The dynamic loader reads LD_LIBRARY_PATH when an interpreter starts.
    with running_process(environment, forked=False) as process:
        yield process


async def accelerator(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/api/system")).raise_for_status().json()["accelerator"]
    return found


@pytest.mark.slow
async def test_gpus_with_few_values_are_shown_and_a_hung_driver_blocks_no_request(
    plane: Process, driver_hangs: Path
) -> None:
    async with httpx.AsyncClient(base_url=plane.url, verify=False) as client:
        token = (await client.post("/api/auth/login", json={"password": PASSWORD})).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        seen = await accelerator(client)
        assert (seen["devices"], seen["answering"], seen["verdict"]) == (DEVICES, True, "ok")
        page = (await client.get("/", headers={"Accept": "text/html"})).text
        assert "1.0 GiB of 24.0 GiB" in page
        assert "40 % busy · 61 °C" in page
        assert "Slice of a GPU" in page
        driver_hangs.touch()
        for late in await asyncio.gather(*(accelerator(client) for _ in range(40))):
            assert (late["devices"], late["answering"]) == (DEVICES, False)
        assert (await client.get("/readyz")).status_code == 200
        assert (
            "The figures above are the last ones received."
            in (await client.get("/", headers={"Accept": "text/html"})).text
        )
        driver_hangs.unlink()
        async with asyncio.timeout(30):
            while not (await accelerator(client))["answering"]:
                pass
        driver_hangs.touch()
        await accelerator(client)
    plane.stop()  # although a query is still pending
