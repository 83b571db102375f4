"""Holds what presets promise against what the hubs publish today."""

from collections.abc import Iterable, Iterator

from backend.presets.models import Preset, PresetFile
from backend.sources.facts import HubFacts
from backend.sources.models import FileFacts


async def differences(presets: Iterable[Preset], facts: HubFacts) -> list[str]:
    """One sentence for each promise that the hub does not confirm."""
    presets = tuple(presets)
    told = await facts.of((str(file.url) for preset in presets for file in preset.files), refresh=True)
    return [
        f"{preset.id}: {file.place}: {difference}"
        for preset in presets
        for file in preset.files
        for difference in _differences(preset, file, told.get(str(file.url)))
    ]


def _differences(preset: Preset, file: PresetFile, told: FileFacts | None) -> Iterator[str]:
    if told is None:
        yield f"the hub tells nothing about {file.url}"
        return
    if file.bytes is not None and told.bytes is not None and file.bytes != told.bytes:
        yield f"has {told.bytes} bytes on the hub, {file.bytes} in the preset"
    if file.sha256 and told.sha256 and file.sha256 != told.sha256:
        yield f"has the hash {told.sha256} on the hub, {file.sha256} in the preset"
    if told.gated and not preset.gated:
        yield "is gated on the hub, and the preset does not say so"
