"""Gives every shell of the pod the environment in which ComfyUI runs.

Login shells read the profile from /etc/profile.d; other interactive shells and commands over SSH read it from
/etc/bash.bashrc, where the image names it. Terminals of JupyterLab and code-server are such shells.
"""

import os
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from scripts.workspace.layout import Layout, Place
from scripts.workspace.persistence import CACHES, IMAGE_CACHE, cache_variables
from scripts.workspace.report import Report

# Variables of the pod that an SSH session would otherwise lack. The pod's password is not among them.
PASSED_ON = (
    "WORKSPACE", "STATE_DIR", "PIP_CONSTRAINT", "UV_CONSTRAINT", "TZ", "HF_TOKEN", "CIVITAI_TOKEN", "HF_ENDPOINT",
)  # fmt: skip
HEADER = "# Written by the pod at every start. A variable that is set already keeps its value."


def write_profile(
    layout: Layout,
    place: Place | None,
    environment: Mapping[str, str],
    report: Report,
    also: Collection[str] = (),
) -> None:
    """Write the profile; before the workspace is ready, for the place where it is going to be.

    `also` are names of further variables that shells get.
    """
    venv = place.venv if place else layout.venv_link
    cache = place.cache if place else layout.cache
    variables = {name: environment[name] for name in (*PASSED_ON, *also) if environment.get(name)}
    variables["VIRTUAL_ENV"] = str(venv)
    defaults = {name: str(IMAGE_CACHE / folder) for name, folder in CACHES.items()}
    lines = [
        HEADER,
        *(_set_if_unset(name, value) for name, value in variables.items()),
        *(
            _replace(name, defaults[name], value)
            for name, value in cache_variables(cache, environment).items()
        ),
        _put_on_path(venv / "bin"),
    ]
    try:
        _write_private(layout.profile, "\n".join([*lines, ""]))
    except OSError as error:
        report.note(
            f"Shells of the pod lack its variables: {layout.profile} cannot be written ({error.strerror})."
        )


def _set_if_unset(name: str, value: str) -> str:
    return f'[ -n "${{{name}:-}}" ] || export {name}={shlex.quote(value)}'


def _replace(name: str, default: str, value: str) -> str:
    """Set a variable that is unset or has the image's default."""
    quoted = shlex.quote(default)
    return f'[ "${{{name}:-{default}}}" != {quoted} ] || export {name}={shlex.quote(value)}'


def _put_on_path(folder: Path) -> str:
    """A login shell starts with Debian's PATH."""
    return f'case ":$PATH:" in *:{shlex.quote(str(folder))}:*) ;; *) export PATH={shlex.quote(str(folder))}:"$PATH" ;; esac'


def _write_private(path: Path, text: str) -> None:
    """Atomically, and readable by root alone, because it holds tokens."""
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
