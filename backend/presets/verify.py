"""Compare the sizes, hashes and licences in presets with what hubs publish today."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backend.presets.models import Preset, PresetFile
from backend.sources.metadata import HubMetadata
from backend.sources.models import FileMetadata

MetadataByUrl = dict[str, FileMetadata]
# What hubs publish for an unknown licence.
NO_LICENCE = {"other", "unknown"}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Sentences, each about one difference."""

    # Mistakes in ComfyPod's presets.
    problems: list[str]
    # Mistakes in ComfyUI's templates, and differences that a person has to judge.
    notes: list[str]


async def check_hubs(curated: Iterable[Preset], official: Iterable[Preset], hubs: HubMetadata) -> Findings:
    """Ask hubs once for every repository, without the cache."""
    curated, official = tuple(curated), tuple(official)
    urls = (str(file.url) for preset in (*curated, *official) for file in preset.files)
    published = await hubs.of(urls, refresh=True)
    notes = [
        *_unstated(curated, published),
        *_unverified_licences(curated, published),
        *_licences(curated, published),
        *_mismatches(official, published),
    ]
    return Findings(
        problems=[*_mismatches(curated, published), *_undeclared_gates(curated, published)],
        notes=list(dict.fromkeys(notes)),
    )


def _mismatches(presets: Iterable[Preset], published: MetadataByUrl) -> Iterator[str]:
    for preset in presets:
        for file in preset.files:
            for difference in _differences(file, published.get(str(file.url))):
                yield f"{preset.id}: {file.place}: {difference}"


def _differences(file: PresetFile, published: FileMetadata | None) -> Iterator[str]:
    if published is None:
        yield f"the hub publishes nothing about {file.url}"
        return
    if file.bytes is not None and published.bytes is not None and file.bytes != published.bytes:
        yield f"has {published.bytes} bytes on the hub, {file.bytes} in the preset"
    if file.sha256 and published.sha256 and file.sha256 != published.sha256:
        yield f"has the hash {published.sha256} on the hub, {file.sha256} in the preset"


def _unstated(presets: Iterable[Preset], published: MetadataByUrl) -> Iterator[str]:
    """Yield what hubs publish and presets do not state, ready to be copied into them."""
    for preset in presets:
        for file in preset.files:
            metadata = published.get(str(file.url))
            if metadata and metadata.sha256 and not (file.sha256 and file.bytes):
                stated = f"bytes: {metadata.bytes}, sha256: {metadata.sha256}"
                yield f"{preset.id}: {file.place}: is not verified yet; the hub says {stated}"


def _undeclared_gates(presets: Iterable[Preset], published: MetadataByUrl) -> Iterator[str]:
    """ComfyUI's templates have no field for it, ours do."""
    for preset in presets:
        for file in preset.files:
            metadata = published.get(str(file.url))
            if metadata and metadata.gated and not preset.gated:
                yield f"{preset.id}: {file.place}: is gated on the hub, and the preset does not say so"


def _unverified_licences(presets: Iterable[Preset], published: MetadataByUrl) -> Iterator[str]:
    """Yield presets whose licence was not read, with what their hubs publish."""
    for preset in presets:
        if preset.licence is None:
            stated = {
                f"{file.repository or file.host} says {metadata.licence or 'nothing'}"
                for file in preset.files
                if (metadata := published.get(str(file.url)))
            }
            hubs = ", ".join(sorted(stated)) or "no hub describes its files"
            yield f"{preset.id}: the licence is not verified yet; {hubs}"


def _licences(presets: Iterable[Preset], published: MetadataByUrl) -> Iterator[str]:
    """A person has to judge: spellings differ, and a preset may name the stricter of two licences."""
    for preset in presets:
        for file in preset.files:
            metadata = published.get(str(file.url))
            theirs = metadata.licence if metadata else None
            if (
                preset.licence
                and theirs
                and theirs not in NO_LICENCE
                and _plain(theirs) != _plain(preset.licence)
            ):
                yield f"{preset.id}: the licence is {theirs} on the hub, {preset.licence} in the preset"


def _plain(licence: str) -> str:
    """Make `CreativeML Open RAIL-M` and `creativeml-openrail-m` equal."""
    return "".join(letter for letter in licence.lower() if letter.isalnum())
