"""A maintainer checks the presets against the hubs."""

import asyncio
import os
import re
import sys
from pathlib import Path

from backend.presets.official import read_official
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors
from tests.support.process import ROOT

PRESET = """
id: one-file
title: One file
category: Test
licence: {licence}
files:
  - {{folder: vae, filename: first.safetensors, url: "{url}", bytes: {size}, sha256: "{sha256}"}}
"""


async def verify(hub: Hub, tmp_path: Path, template: str = PRESET, **changed: object) -> tuple[int, str]:
    """Return exit code and output of the command for one preset, which is correct except for `changed`."""
    file = hub.add("acme/models", "first.safetensors", safetensors(50_000))
    promises = {
        "url": hub.url_of(file),
        "size": 50_000,
        "sha256": file.content.sha256,
        "licence": "apache-2.0",
        **changed,
    }
    (tmp_path / "one-file.yaml").write_text(template.format(**promises))
    settings = {
        "PRESETS_DIR": str(tmp_path),
        "HF_ENDPOINT": hub.url,
        "WORKSPACE": str(tmp_path / "workspace"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "backend.main.verify_presets",
        cwd=ROOT, env=os.environ | settings,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_correct_presets_are_counted(hub: Hub, tmp_path: Path) -> None:
    status, output = await verify(hub, tmp_path, licence="Apache 2.0")
    assert status == 0
    assert f"1 presets and {len(read_official())} templates checked, 0 problems, " in output
    assert "the licence is" not in output


async def test_a_changed_licence_is_a_note(hub: Hub, tmp_path: Path) -> None:
    status, output = await verify(hub, tmp_path, licence="MIT")
    assert status == 0
    assert "note: one-file: the licence is apache-2.0 on the hub, MIT in the preset" in output


async def test_an_unverified_licence_is_listed_with_what_the_hub_says(hub: Hub, tmp_path: Path) -> None:
    status, output = await verify(hub, tmp_path, template=PRESET.replace("licence: {licence}\n", ""))
    assert status == 0
    assert f"note: one-file: the licence is not verified yet; {hub.url}/acme/models says apache-2.0" in output


async def test_a_problem_of_a_comfyui_template_is_a_note(hub: Hub, tmp_path: Path) -> None:
    template = next(preset for preset in read_official() for file in preset.files if file.sha256)
    file = next(file for file in template.files if file.sha256)
    repo, _, path = file.url.path.removeprefix("/").partition("/resolve/main/")  # type: ignore[union-attr]
    hub.add(repo, path, safetensors(50_000))
    hub.repository(repo).gated = True
    status, output = await verify(hub, tmp_path)
    assert status == 0
    assert re.search(rf"note: {template.id}: {file.place}: has the hash \w+ on the hub", output)
    assert "is gated" not in output


async def test_a_changed_size_or_hash_is_reported(hub: Hub, tmp_path: Path) -> None:
    status, output = await verify(hub, tmp_path, size=49_999, sha256="0" * 64)
    assert status == 1
    assert "has 50000 bytes on the hub, 49999 in the preset" in output
    assert f"{'0' * 64} in the preset" in output


async def test_an_undeclared_gate_is_reported(hub: Hub, tmp_path: Path) -> None:
    hub.add("acme/models", "first.safetensors", safetensors(50_000))
    hub.repository("acme/models").gated = True
    status, output = await verify(hub, tmp_path)
    assert status == 1
    assert "is gated on the hub" in output


async def test_a_deleted_file_is_reported(hub: Hub, tmp_path: Path) -> None:
    gone = f"{hub.url}/acme/models/resolve/main/gone.safetensors"
    status, output = await verify(hub, tmp_path, url=gone)
    assert status == 1
    assert f"the hub publishes nothing about {gone}" in output


async def test_what_is_not_verified_yet_is_listed_with_the_hubs_values(hub: Hub, tmp_path: Path) -> None:
    _, output = await verify(hub, tmp_path, template=PRESET.replace(', sha256: "{sha256}"', ""))
    sha256 = hub.add("acme/models", "first.safetensors", safetensors(50_000)).content.sha256
    assert "note: one-file: vae/first.safetensors: is not verified yet" in output
    assert f"bytes: 50000, sha256: {sha256}" in output
