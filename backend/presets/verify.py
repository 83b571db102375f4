"""Holds what presets promise against what the hubs publish today."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backend.presets.models import Preset, PresetFile
from backend.sources.metadata import HubMetadata
from backend.sources.models import FileMetadata

MetadataByUrl = dict[str, FileMetadata]
# What hubs say when they say nothing about the licence.
NO_LICENCE = {"other", "unknown"}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Sentences, each about one difference."""

    # Promises of our own presets that do not hold.
    problems: list[str]
    # What is worth a look and not ours to mend, or not for a program to judge.
    notes: list[str]


async def check_hubs(curated: Iterable[Preset], official: Iterable[Preset], facts: HubMetadata) -> Findings:
    """Asks once for every repository, whatever is remembered."""
    curated, official = tuple(curated), tuple(official)
    urls = (str(file.url) for preset in (*curated, *official) for file in preset.files)
    told = await facts.of(urls, refresh=True)
    notes = [*_licences(curated, told), *_broken_promises(official, told)]
    return Findings(
        problems=[*_broken_promises(curated, told), *_silent_gates(curated, told)],
        notes=list(dict.fromkeys(notes)),
    )


def _broken_promises(presets: Iterable[Preset], told: MetadataByUrl) -> Iterator[str]:
    for preset in presets:
        for file in preset.files:
            for difference in _differences(file, told.get(str(file.url))):
                yield f"{preset.id}: {file.place}: {difference}"


def _differences(file: PresetFile, told: FileMetadata | None) -> Iterator[str]:
    if told is None:
        yield f"the hub tells nothing about {file.url}"
        return
    if file.bytes is not None and told.bytes is not None and file.bytes != told.bytes:
        yield f"has {told.bytes} bytes on the hub, {file.bytes} in the preset"
    if file.sha256 and told.sha256 and file.sha256 != told.sha256:
        yield f"has the hash {told.sha256} on the hub, {file.sha256} in the preset"


def _silent_gates(presets: Iterable[Preset], told: MetadataByUrl) -> Iterator[str]:
    """ComfyUI's templates have no place to say it, ours do."""
    for preset in presets:
        for file in preset.files:
            facts = told.get(str(file.url))
            if facts and facts.gated and not preset.gated:
                yield f"{preset.id}: {file.place}: is gated on the hub, and the preset does not say so"


def _licences(presets: Iterable[Preset], told: MetadataByUrl) -> Iterator[str]:
    """Spellings differ, and a preset may name the stricter one of two: a person has to judge."""
    for preset in presets:
        for file in preset.files:
            facts = told.get(str(file.url))
            theirs = facts.licence if facts else None
            if theirs and theirs not in NO_LICENCE and _plain(theirs) != _plain(preset.licence or ""):
                yield f"{preset.id}: the licence is {theirs} on the hub, {preset.licence or 'not told'} in the preset"


def _plain(licence: str) -> str:
    """`CreativeML Open RAIL-M` and `creativeml-openrail-m` are one."""
    return "".join(letter for letter in licence.lower() if letter.isalnum())
