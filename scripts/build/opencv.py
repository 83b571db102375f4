#!/usr/bin/env python3
"""opencv.py VENV: record the other three OpenCV packages as installed.

OpenCV is published as four packages that all write the same `cv2` folder; the last one installed wins. The headless one
with contrib contains all the others and needs no libgl1. Installers know packages by name, though: without a record of
the other three, the next custom node that requires one would overwrite `cv2`.
"""

import sys
from pathlib import Path

REAL = "opencv_contrib_python_headless"
REPLACED = ("opencv_python", "opencv_python_headless", "opencv_contrib_python")


def record(site_packages: Path, name: str, version: str) -> None:
    info = site_packages / f"{name}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\nSummary: provided by {REAL}\n"
    (info / "METADATA").write_text(metadata)
    (info / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: comfypod\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    (info / "INSTALLER").write_text("comfypod\n")
    names = "".join(f"{info.name}/{file},,\n" for file in ("METADATA", "WHEEL", "INSTALLER", "RECORD"))
    (info / "RECORD").write_text(names)


def main() -> None:
    site_packages = next(Path(sys.argv[1]).glob("lib/python3.*/site-packages"))
    for real in site_packages.glob(f"{REAL}-*.dist-info"):
        version = real.name.removeprefix(f"{REAL}-").removesuffix(".dist-info")
        for name in REPLACED:
            if not (site_packages / f"{name}-{version}.dist-info").exists():
                record(site_packages, name, version)


if __name__ == "__main__":
    main()
