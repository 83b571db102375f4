"""Sizes of built images, whole and layer by layer, as stored and as a registry keeps them (gzip).

    python -m benchmarks.image_size comfypod:minimal-13-0 comfypod:full-13-0

prints a table per image and writes benchmarks/out/image_size.json.
"""

import json
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

OUT = Path(__file__).parent / "out" / "image_size.json"
GIGABYTE = 1e9
CHUNK = 1 << 20
GZIP_LEVEL = 6


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def compressed_size(stream: IO[bytes]) -> int:
    packer = zlib.compressobj(GZIP_LEVEL)
    return sum(len(packer.compress(chunk)) for chunk in chunks(stream)) + len(packer.flush())


def sizes_of_blobs(image: str) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Stored and compressed size of every blob of an image, and which of them are its layers, lowest first."""
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
                sizes[member.name] = (member.size, compressed_size(content))
    return sizes, layers


def steps(image: str) -> list[str]:
    """The build steps that made a layer, lowest first."""
    history = subprocess.run(
        ["docker", "history", "--no-trunc", "--format", "{{json .}}", image],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in history.stdout.splitlines()]
    return [line["CreatedBy"] for line in reversed(lines) if line["Size"] != "0B"]


def measure(image: str) -> dict[str, Any]:
    sizes, layers = sizes_of_blobs(image)
    filled = [sizes[layer] for layer in layers if sizes[layer][0] > CHUNK // 512]
    return {
        "image_bytes": sum(stored for stored, _ in filled),
        "image_compressed_bytes": sum(packed for _, packed in filled),
        "layers": [
            {"bytes": stored, "compressed_bytes": packed, "step": step}
            for (stored, packed), step in zip(filled, steps(image), strict=False)
        ],
    }


def show(image: str, sizes: dict[str, Any]) -> None:
    stored, packed = sizes["image_bytes"] / GIGABYTE, sizes["image_compressed_bytes"] / GIGABYTE
    print(f"{image}: {stored:.2f} GB stored, {packed:.2f} GB compressed")
    for layer in sizes["layers"]:
        print(
            f"  {layer['bytes'] / GIGABYTE:6.2f}  {layer['compressed_bytes'] / GIGABYTE:6.2f}  {layer['step'][:90]}"
        )


def local_images() -> list[str]:
    """Every image of ours that this machine's engine has."""
    command = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "comfypod"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return []


def main() -> None:
    images = sys.argv[1:] or local_images()
    if not images:
        print("image_size: no image to measure; `make image` builds one")
        return
    measured = {image: measure(image) for image in images}
    for image, sizes in measured.items():
        show(image, sizes)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
