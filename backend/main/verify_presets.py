"""`python -m backend.main.verify_presets`: ask the hub whether every shipped preset still holds."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from backend.config.settings import Settings, SettingsError, load_settings
from backend.main.hubs import hubs_of
from backend.presets.curated import read_curated
from backend.presets.models import Origin, Preset
from backend.presets.verify import differences
from backend.sources.facts import HubFacts


def main() -> int:
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    presets, problems = read_curated(settings.presets_dir, Origin.CURATED)
    found = [f"{problem.file}, line {problem.line}: {problem.message}" for problem in problems]
    found += asyncio.run(_ask_hub(settings, presets))
    for sentence in found:
        print(sentence, file=sys.stderr)  # noqa: T201
    print(f"{len(presets)} presets looked at, {len(found)} problems")  # noqa: T201
    return 1 if found else 0


async def _ask_hub(settings: Settings, presets: list[Preset]) -> list[str]:
    async with AsyncExitStack() as stack:
        hubs = await hubs_of(settings, stack)
        with TemporaryDirectory() as folder:
            return await differences(presets, HubFacts(hubs.hugging_face, hubs.civitai, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
