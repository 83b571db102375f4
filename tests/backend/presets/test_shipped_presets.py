"""The shipped presets are complete and valid."""

import pytest

from backend.config.settings import PROJECT_ROOT
from backend.presets.definitions import read_curated
from backend.presets.models import Origin, Preset
from backend.presets.official import read_official

FOLDER = PROJECT_ROOT / "presets"
SHIPPED, PROBLEMS = read_curated(FOLDER, Origin.CURATED)


def test_shipped_files_are_valid() -> None:
    assert PROBLEMS == []
    assert len(SHIPPED) >= 5


@pytest.mark.parametrize("preset", SHIPPED, ids=lambda preset: preset.id)
def test_a_shipped_preset_has_a_description(preset: Preset) -> None:
    assert preset.description
    assert preset.tags


@pytest.mark.parametrize("preset", SHIPPED, ids=lambda preset: preset.id)
def test_a_licence_names_where_it_was_read(preset: Preset) -> None:
    definition = (FOLDER / f"{preset.id}.yaml").read_text()
    assert ("\n# licence: " in definition) == (preset.licence is not None)
    assert "verified" not in (preset.licence or "")


def test_ids_are_unique() -> None:
    ids = [preset.id for preset in (*SHIPPED, *read_official())]
    assert len(ids) == len(set(ids))


def test_hashes_of_one_address_agree() -> None:
    """One address must not have two different hashes."""
    promised: dict[str, set[str]] = {}
    for preset in (*SHIPPED, *read_official()):
        for file in preset.files:
            if file.sha256:
                promised.setdefault(str(file.url), set()).add(file.sha256)
    assert promised
    assert {url: hashes for url, hashes in promised.items() if len(hashes) > 1} == {}
