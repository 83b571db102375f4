"""docs/variables.md names every variable that the code reads, in the settings' own words, and no other."""

import re
from pathlib import Path

import pytest
import yaml

from backend.config.settings import PROJECT_ROOT, Settings
from scripts.workspace.persistence import CACHES

TABLE = PROJECT_ROOT / "docs/variables.md"
SCRIPTS = PROJECT_ROOT / "scripts"
ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"`([A-Z][A-Z0-9_]+)`")
# ${NAME:-default} and ${NAME+set}: how shell reads what may not be there.
IN_SHELL = re.compile(r"\$\{([A-Z][A-Z0-9_]+)(?::?[-+])")
IN_PYTHON = re.compile(r'environ(?:ment)?(?:\.get\(|\[|\.pop\()"([A-Z][A-Z0-9_]+)"')
STAGE = re.compile(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)
INSTRUCTION = re.compile(r"^ENV (?:.*\\\n)*.*$", re.MULTILINE)
SET = re.compile(r"(?:ENV|\s) ([A-Z][A-Z0-9_]+)=")
# Not for anybody to set: Python's own, which the supervisor alone needs, and the system's.
INTERNAL = {"PYTHONPATH", "HOME"}


def rows(section: str = "") -> dict[str, tuple[str, str]]:
    """By variable of a section, or of all: its default, and what it does."""
    found: dict[str, tuple[str, str]] = {}
    table = TABLE.read_text()
    if section:
        table = table.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    for names, default, text in ROW.findall(table):
        found |= dict.fromkeys(NAME.findall(names), (default.strip(" `"), text.strip()))
    return found


def settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def read_by(pattern: re.Pattern[str], *paths: Path) -> set[str]:
    return {name for path in paths for name in pattern.findall(path.read_text())}


def read_at_start() -> set[str]:
    shell = read_by(IN_SHELL, SCRIPTS / "entrypoint.sh", *(SCRIPTS / "supervisor").glob("*.sh"))
    folders = ("workspace", "supervisor", "provision", "nodes")
    python = read_by(IN_PYTHON, *(path for name in folders for path in (SCRIPTS / name).glob("*.py")))
    return shell | python


def set_by_the_image() -> set[str]:
    """By the stages that the fullest pod stands on."""
    stages = {
        name: (base, text) for base, name, text in STAGE.findall((PROJECT_ROOT / "Dockerfile").read_text())
    }
    stage, found = "pod", set()
    while stage in stages:
        base, text = stages[stage]
        found |= {name for instruction in INSTRUCTION.findall(text) for name in SET.findall(instruction)}
        stage = base.replace("${VARIANT}", "dev")
    return found


def test_every_variable_that_is_read_stands_in_the_table() -> None:
    assert (settings() | read_at_start() | set_by_the_image() | set(CACHES)) - INTERNAL <= set(rows())


def test_every_variable_in_the_table_is_read() -> None:
    assert set(rows()) <= settings() | read_at_start() | set_by_the_image() | set(CACHES)


def test_what_is_searched_for_is_found_at_all() -> None:
    """A pattern that has stopped matching must not make the two tests above pass."""
    assert {"TIME_ZONE", "PUBLIC_KEY", "ENABLE_JUPYTERLAB"} <= read_at_start()
    assert {"COMFYUI_EXTRA_ARGS", "SAFE_MODE", "EXTRA_MODEL_PATHS"} <= read_at_start()
    assert {"LANG", "CUDA_HOME", "VIRTUAL_ENV", "NVIDIA_DRIVER_CAPABILITIES"} <= set_by_the_image()
    assert "UV_NO_PROGRESS" not in set_by_the_image()
    assert rows("For you to set").keys() > {"ACCESS_PASSWORD", "LOG_FORMAT"}


def test_make_pod_and_compose_pass_on_what_is_for_people_to_set() -> None:
    in_script = re.search(r"^PASSED_ON=\(([^)]+)\)", (SCRIPTS / "dev/pod.sh").read_text(), re.MULTILINE)
    assert in_script
    assert set(in_script[1].split()) == rows("For you to set").keys()
    compose = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())
    assert compose["x-pod"]["environment"].keys() == rows("For you to set").keys()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_table_speaks_in_the_settings_own_words(name: str) -> None:
    _, text = rows()[name.upper()]
    assert text == Settings.model_fields[name].description


@pytest.mark.parametrize("name", ["session_hours", "download_workers", "download_stall_seconds", "log_level"])
def test_the_table_knows_the_default(name: str) -> None:
    default, _ = rows()[name.upper()]
    assert default == str(Settings.model_fields[name].default)
