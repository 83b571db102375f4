"""Measure image sizes, start-up times of pods, the preparation of volumes, and builds.

    python -m benchmarks.boot                             minimal-cpu, built if necessary
    python -m benchmarks.boot --rounds 3 IMAGE…           other images
    python -m benchmarks.boot --only sizes --only boot    some parts

Prints ratios and merges the results into benchmarks/out/boot.json, by key and target.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.support import images, trees
from benchmarks.support.builds import ROOT, build_seconds
from benchmarks.support.containers import TimedPod

OUT = Path(__file__).parent / "out" / "boot.json"
Figures = dict[str, Any]


def measure_sizes(image: str, _rounds: int) -> Figures:
    sizes = images.measure(image)
    images.show(image, sizes)
    return sizes


def measure_boot(image: str, rounds: int) -> Figures:
    """Measure boot times. Rounds with and without a volume alternate, so that other load affects both."""
    dashboard: list[float] = []
    stop: list[float] = []
    ready: dict[str, list[float]] = {"no mount": [], "empty volume": []}
    for _ in range(rounds):
        for case, times in ready.items():
            with tempfile.TemporaryDirectory(prefix="comfypod-bench-") as folder:
                mount = ("--volume", f"{folder}:/workspace") if case == "empty volume" else ()
                with TimedPod(image, *mount) as pod:
                    dashboard.append(pod.seconds_to_dashboard())
                    times.append(pod.seconds_to_comfyui())
                    stop.append(pod.seconds_to_stop())
    middle = {case: statistics.median(times) for case, times in ready.items()}
    return {
        "dashboard_seconds": statistics.median(dashboard),
        "dashboard_seconds_worst": max(dashboard),
        "stop_seconds": statistics.median(stop),
        "comfyui_seconds": middle,
        "empty_volume_vs_no_mount": middle["empty volume"] / middle["no mount"],
    }


def measure_prepare(image: str, rounds: int) -> Figures:
    prepared = statistics.median(trees.prepare_seconds(image) for _ in range(rounds))
    copies = trees.copy_seconds(image)
    figures: Figures = {
        "prepare_seconds": prepared,
        "copy_seconds": copies,
        "prepare_vs_cp": prepared / copies["cp -a"],
    }
    if not trees.can_be_slowed():
        print("no C compiler here, so no network volume was modelled")
        return figures
    prepared, copies = trees.prepare_seconds(image, slow=True), trees.copy_seconds(image, slow=True)
    return figures | {
        "network_prepare_seconds": prepared,
        "network_copy_seconds": copies,
        "network_prepare_vs_cp": prepared / copies["cp -a"],
    }


def measure_builds(_image: str, _rounds: int) -> Figures:
    return {"build_seconds": build_seconds()}


PARTS: dict[str, Callable[[str, int], Figures]] = {
    "sizes": measure_sizes,
    "boot": measure_boot,
    "prepare": measure_prepare,
    "builds": measure_builds,
}


def build_default_image() -> str:
    """Build `minimal-cpu`, with stand-ins if GitHub is unreachable, and return its name."""
    build = subprocess.run(
        ["scripts/dev/image.sh", "minimal", "cpu"],
        cwd=ROOT,
        env={"STANDINS": "auto", "PROGRESS": "plain", **os.environ},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return build.stdout.strip()


def save(target: str, figures: Figures) -> None:
    everything: dict[str, Figures] = json.loads(OUT.read_text()) if OUT.exists() else {}
    for key, figure in figures.items():
        everything.setdefault(key, {})[target] = figure
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(everything, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=PARTS, help="may be repeated")
    arguments = parser.parse_args()
    for image in arguments.images or [build_default_image()]:
        target = images.target_of(image)
        print(f"== {target} with ComfyUI {images.comfyui_of(image)}, on {os.cpu_count()} cores")
        for part in arguments.only or PARTS:
            figures = PARTS[part](image, arguments.rounds)
            save(target, {"comfyui": images.comfyui_of(image), **figures})
            for key, figure in figures.items():
                if key != "layers":
                    print(f"{key:28} {json.dumps(rounded(figure))}")


def rounded(figure: Any) -> Any:
    if isinstance(figure, dict):
        return {key: rounded(value) for key, value in figure.items()}
    return round(figure, 3) if isinstance(figure, float) else figure


if __name__ == "__main__":
    main()
