#!/usr/bin/env python3
"""torch_set.py check VENV LOCK: fail unless a venv has the torch set that the lock pins.

torch, torchvision and torchaudio only work as a set built for one CUDA. Another package can replace one of them, and
ComfyUI would then fail at its first import.
"""

import importlib.metadata
import re
import sys
from pathlib import Path

PINNED = re.compile(r"^(torch|torchvision|torchaudio)==([^\s;\\]+)", re.MULTILINE)


def pinned_set(lock: Path) -> dict[str, str]:
    pins = dict(PINNED.findall(lock.read_text()))
    if len(pins) != 3:
        sys.exit(
            f"{lock} must pin torch, torchvision and torchaudio, but pins {', '.join(pins) or 'none of them'}"
        )
    return pins


def site_packages(venv: Path) -> Path:
    return next(venv.glob("lib/python3.*/site-packages"))


def installed_set(venv: Path) -> dict[str, str]:
    found = importlib.metadata.distributions(path=[str(site_packages(venv))])
    versions = {dist.name.lower(): dist.version for dist in found}
    return {name: versions.get(name, "missing") for name in ("torch", "torchvision", "torchaudio")}


def is_pinned(installed: str, pin: str) -> bool:
    """A pin without a local label (`2.13.0`) accepts any build of that version, as pip reads it."""
    return installed == pin or ("+" not in pin and installed.split("+", maxsplit=1)[0] == pin)


def check(venv: Path, lock: Path) -> None:
    pins, installed = pinned_set(lock), installed_set(venv)
    changed = [
        f"{name} is {installed[name]}, pinned is {pin}"
        for name, pin in pins.items()
        if not is_pinned(installed[name], pin)
    ]
    if changed:
        sys.exit(
            "The torch set has changed: "
            + "; ".join(changed)
            + ". The packages of this step must not install another torch."
        )


def main() -> None:
    match sys.argv[1:]:
        case ["check", venv, lock]:
            check(Path(venv), Path(lock))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
