"""docs/variables.md names every variable that the code reads, in the settings' own words, and no other."""

import re
from pathlib import Path

import pytest

from backend.config.settings import PROJECT_ROOT, Settings

TABLE = PROJECT_ROOT / "docs/variables.md"
SCRIPTS = PROJECT_ROOT / "scripts"
ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"`([A-Z][A-Z0-9_]+)`")
# ${NAME:-default} and ${NAME+set}: how shell reads what may not be there.
IN_SHELL = re.compile(r"\$\{([A-Z][A-Z0-9_]+)(?::?[-+])")
IN_PYTHON = re.compile(r'environ(?:ment)?(?:\.get\(|\[|\.pop\()"([A-Z][A-Z0-9_]+)"')
IN_DOCKERFILE = re.compile(r"^(?:ENV|   ) ([A-Z][A-Z0-9_]+)=", re.MULTILINE)
# Not for anybody to set: Python's own, which the supervisor alone needs.
INTERNAL = {"PYTHONPATH"}


def rows() -> dict[str, tuple[str, str]]:
    """By variable: its default, and what it does."""
    found: dict[str, tuple[str, str]] = {}
    for names, default, text in ROW.findall(TABLE.read_text()):
        found |= dict.fromkeys(NAME.findall(names), (default.strip(" `"), text.strip()))
    return found


def settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def read_by(pattern: re.Pattern[str], *paths: Path) -> set[str]:
    return {name for path in paths for name in pattern.findall(path.read_text())}


def read_at_start() -> set[str]:
    shell = read_by(IN_SHELL, SCRIPTS / "entrypoint.sh", *(SCRIPTS / "supervisor").glob("*.sh"))
    python = read_by(IN_PYTHON, *(SCRIPTS / "workspace").glob("*.py"), *(SCRIPTS / "supervisor").glob("*.py"))
    return shell | python


def set_by_the_image() -> set[str]:
    pod = (PROJECT_ROOT / "Dockerfile").read_text().partition(" AS pod\n")[2]
    return set(IN_DOCKERFILE.findall(pod))


def test_every_variable_that_is_read_stands_in_the_table() -> None:
    assert (settings() | read_at_start() | set_by_the_image()) - INTERNAL <= set(rows())


def test_every_variable_in_the_table_is_read() -> None:
    caches = {"UV_CACHE_DIR", "PIP_CACHE_DIR"}
    source = (SCRIPTS / "workspace/install.py").read_text()
    assert all(f'"{name}"' in source for name in caches)
    assert set(rows()) <= settings() | read_at_start() | set_by_the_image() | caches


def test_what_is_searched_for_is_found_at_all() -> None:
    """A pattern that has stopped matching must not make the two tests above pass."""
    assert {"TIME_ZONE", "PUBLIC_KEY", "ENABLE_JUPYTERLAB"} <= read_at_start()
    assert {"COMFYUI_EXTRA_ARGS", "SAFE_MODE", "EXTRA_MODEL_PATHS"} <= read_at_start()
    assert {"VIRTUAL_ENV", "NVIDIA_DRIVER_CAPABILITIES"} <= set_by_the_image()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_table_speaks_in_the_settings_own_words(name: str) -> None:
    _, text = rows()[name.upper()]
    assert text == Settings.model_fields[name].description


@pytest.mark.parametrize("name", ["session_hours", "download_workers", "download_stall_seconds", "log_level"])
def test_the_table_knows_the_default(name: str) -> None:
    default, _ = rows()[name.upper()]
    assert default == str(Settings.model_fields[name].default)
