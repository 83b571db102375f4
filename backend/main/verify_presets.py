"""`python -m backend.main.verify_presets`: check the presets against the hubs.

Only problems with our own presets make the command fail; problems with ComfyUI's templates are printed as notes.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from backend.config.settings import Settings, SettingsError, load_settings
from backend.core.persistent_paths import persistent_paths_in
from backend.presets.definitions import read_curated
from backend.presets.models import Origin, Preset
from backend.presets.official import read_official
from backend.presets.verify import Findings, check_hubs
from backend.sources.hubs import hubs_of
from backend.sources.metadata import HubMetadata


def main() -> int:
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    presets, problems = read_curated(settings.presets_dir, Origin.CURATED)
    found = [f"{problem.file}, line {problem.line}: {problem.message}" for problem in problems]
    templates = read_official()
    findings = asyncio.run(_ask_hubs(settings, presets, templates))
    found += findings.problems
    for sentence in found:
        print(sentence, file=sys.stderr)  # noqa: T201
    for sentence in findings.notes:
        print(f"note: {sentence}")  # noqa: T201
    print(  # noqa: T201
        f"{len(presets)} presets and {len(templates)} templates checked, "
        f"{len(found)} problems, {len(findings.notes)} notes"
    )
    return 1 if found else 0


async def _ask_hubs(settings: Settings, presets: list[Preset], templates: tuple[Preset, ...]) -> Findings:
    async with AsyncExitStack() as stack:
        hubs = await hubs_of(
            settings, stack, persistent_paths_in(settings.workspace, settings.state_folder).tokens
        )
        with TemporaryDirectory() as folder:
            metadata = HubMetadata(hubs.hugging_face, hubs.civitai, Path(folder))
            return await check_hubs(presets, templates, metadata)


if __name__ == "__main__":
    sys.exit(main())
