"""The templates for hosts fit the image."""

import json
import re
import shlex
from typing import Any

from backend.config.settings import PROJECT_ROOT
from tests.backend.config.test_variables_table import rows

DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text()
SSH = 22


def template(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PROJECT_ROOT / "templates" / name).read_text())
    return found


def ports() -> set[int]:
    """Return the image's ports and SSH's, which is open only with a key."""
    exposed = re.search(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE)
    assert exposed
    return {int(port) for port in exposed[1].split()} | {SSH}


def test_runpod_uses_the_ports_volume_and_variables_of_the_image() -> None:
    runpod = template("runpod.json")
    assert runpod["volumeMountPath"] == "/workspace"
    assert {int(port.partition("/")[0]) for port in runpod["ports"]} == ports()
    assert [port for port in runpod["ports"] if port.endswith("/tcp")] == [f"{SSH}/tcp"]
    assert set(runpod["env"]) <= set(rows())
    assert "dockerEntrypoint" not in runpod


def test_runpod_takes_the_password_from_a_secret() -> None:
    assert template("runpod.json")["env"]["ACCESS_PASSWORD"].startswith("{{ RUNPOD_SECRET_")


def test_vast_uses_the_ports_variables_and_entrypoint_of_the_image() -> None:
    vast = template("vast.json")
    words = shlex.split(vast["env"])
    options = list(zip(words[::2], words[1::2], strict=True))
    assert {int(value.partition(":")[0]) for flag, value in options if flag == "-p"} == ports()
    assert {value.partition("=")[0] for flag, value in options if flag == "-e"} <= set(rows())
    assert vast["runtype"] == "args"
    assert "onstart" not in vast


def test_the_user_of_a_template_fills_in_the_image() -> None:
    howto = (PROJECT_ROOT / "docs/deploy.md").read_text()
    for name in ("runpod.json", "vast.json"):
        text = (PROJECT_ROOT / "templates" / name).read_text()
        assert text.count("IMAGE") == 1
        assert f"templates/{name}" in howto
