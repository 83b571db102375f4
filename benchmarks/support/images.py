"""Sizes of images and their layers, as stored and as compressed by a registry (gzip)."""

import json
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

from benchmarks.support.containers import docker

GIGABYTE = 1e9
CHUNK = 1 << 20
GZIP_LEVEL = 6
SMALLEST_LAYER = 2048  # the size of a tar with only metadata


def target_of(image: str) -> str:
    """Return the target, such as `minimal-cpu`, from the image's labels."""
    labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", image))
    return f"{labels['dev.comfypod.variant']}-{labels['dev.comfypod.accelerator']}"


def comfyui_of(image: str) -> str:
    """Return the version of ComfyUI in the image."""
    facts = docker(
        "run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/opt/comfypod/image.json"
    )
    return str(json.loads(facts)["comfyui"]["tag"])


def measure(image: str) -> dict[str, Any]:
    sizes, layers = _sizes_of_blobs(image)
    filled = [sizes[layer] for layer in layers if sizes[layer][0] > SMALLEST_LAYER]
    return {
        "image_bytes": sum(stored for stored, _ in filled),
        "image_compressed_bytes": sum(packed for _, packed in filled),
        "layers": [
            {"bytes": stored, "compressed_bytes": packed, "step": step}
            for (stored, packed), step in zip(filled, _steps(image), strict=False)
        ],
    }


def show(image: str, sizes: dict[str, Any]) -> None:
    stored, packed = sizes["image_bytes"] / GIGABYTE, sizes["image_compressed_bytes"] / GIGABYTE
    print(f"{image}: {stored:.2f} GB stored, {packed:.2f} GB compressed")
    for layer in sizes["layers"]:
        stored, packed = layer["bytes"] / GIGABYTE, layer["compressed_bytes"] / GIGABYTE
        print(f"  {stored:6.2f}  {packed:6.2f}  {layer['step'][:90]}")


def _sizes_of_blobs(image: str) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Return the stored and compressed size of every blob of an image, and its layers, lowest first."""
    sizes: dict[str, tuple[int, int]] = {}
    layers: list[str] = []
    with (
        subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving,
        tarfile.open(fileobj=saving.stdout, mode="r|") as archive,
    ):
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            if member.name == "manifest.json":
                layers = json.load(content)[0]["Layers"]
            else:
                sizes[member.name] = (member.size, _compressed_size(content))
    return sizes, layers


def _compressed_size(stream: IO[bytes]) -> int:
    packer = zlib.compressobj(GZIP_LEVEL)
    return sum(len(packer.compress(chunk)) for chunk in _chunks(stream)) + len(packer.flush())


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _steps(image: str) -> list[str]:
    """Return the build steps that made a layer, lowest first."""
    history = docker("history", "--no-trunc", "--format", "{{json .}}", image)
    lines = [json.loads(line) for line in history.splitlines()]
    return [line["CreatedBy"] for line in reversed(lines) if line["Size"] != "0B"]
