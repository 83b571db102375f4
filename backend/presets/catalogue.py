"""All definitions: ComfyPod's presets, those that users imported, and ComfyUI's templates."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from backend.core.errors import NotFound
from backend.presets.definition_thread import DefinitionThread
from backend.presets.definitions import read_curated
from backend.presets.models import Origin, Preset, PresetFile
from backend.presets.official import read_official
from backend.presets.schemas import Category, FileProblem, UpdateReport
from backend.presets.search import Word, matches

# A preset, and one of its files.
Source = tuple[Preset, PresetFile]


class Catalogue:
    """Definitions by id. The first with an id keeps it, so an imported preset never replaces one of ComfyPod."""

    def __init__(self, shipped: Path, added: Path):
        self.reader = DefinitionThread()
        self._shipped = shipped
        self._added = added
        self._presets: dict[str, Preset] = {}
        self._loaded = asyncio.Event()
        self._by_filename: dict[str, list[Source]] = {}
        # By id: where a preset is in the list, and its text in lower case.
        self._positions: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._by_place: dict[str, list[Source]] = {}
        self.problems: list[FileProblem] = []
        # Grows whenever definitions were read again.
        self.revision = 0

    def __iter__(self) -> Iterator[Preset]:
        return iter(self._presets.values())

    async def load(self) -> UpdateReport:
        """Read all definitions again."""
        curated, official, added, problems = await self.reader.run(_read_all, self._shipped, self._added)
        self.problems = problems
        before = self._presets
        self.revision += 1
        self._presets = self._by_id((*curated, *official, *added))
        self._by_filename = _by_filename((*curated, *added, *official))
        self._positions = {preset_id: position for position, preset_id in enumerate(self._presets)}
        self._texts = {preset.id: _text(preset) for preset in self}
        self._by_place = _by_place(self)
        return UpdateReport(
            presets=len(self._presets),
            added=sorted(self._presets.keys() - before.keys()),
            removed=sorted(before.keys() - self._presets.keys()),
            problems=self.problems,
        )

    async def load_first(self) -> None:
        """Read all definitions in the background: the first page does not wait for the catalogue."""
        try:
            await self.load()
        finally:
            self._loaded.set()

    async def until_loaded(self) -> None:
        await self._loaded.wait()

    def get(self, preset_id: str) -> Preset:
        try:
            return self._presets[preset_id]
        except KeyError:
            raise NotFound(
                f"No preset named '{preset_id[:100]}'. Ids are lower case; the list of presets shows them all.",
                id=preset_id[:100],
            ) from None

    def title_of(self, preset_id: str) -> str:
        """Return the title of a preset, or the id when there is none with it."""
        preset = self._presets.get(preset_id)
        return preset.title if preset else preset_id

    def has(self, preset_id: str) -> bool:
        return preset_id in self._presets

    def files_named(self, filename: str) -> list[Source]:
        """Return every file with that name, those of ComfyUI's templates last."""
        return self._by_filename.get(filename, [])

    def sources_at(self, place: str) -> list[Source]:
        """Return the presets that need a file of this path, such as `vae/ae.safetensors`."""
        return self._by_place.get(place, [])

    def sharing_files_with(self, preset: Preset) -> list[Preset]:
        """Return the other presets that need a file of this one."""
        sources = [source for file in preset.files for source in self.sources_at(file.place)]
        return list({other.id: other for other, _ in sources if other.id != preset.id}.values())

    def categories(self) -> list[Category]:
        counts = Counter(preset.category for preset in self)
        return [Category(name=name, presets=number) for name, number in sorted(counts.items())]

    def position(self, preset_id: str) -> int:
        return self._positions[preset_id]

    def matching(
        self, words: Sequence[Word], category: str | None, family: str | None = None
    ) -> list[Preset]:
        """Return presets that contain every word or a synonym of it."""
        return [
            preset
            for preset in self
            if (not category or preset.category == category)
            and (not family or family in preset.families)
            and matches(words, self._texts[preset.id])
        ]

    def families(self) -> list[str]:
        """Return the model families of all presets, the most frequent first."""
        counts = Counter(family for preset in self for family in preset.families)
        return [family for family, _ in counts.most_common()]

    def _by_id(self, presets: Iterable[Preset]) -> dict[str, Preset]:
        found: dict[str, Preset] = {}
        for preset in presets:
            if preset.id in found:
                message = f"The id {preset.id} is taken, so this preset is left out."
                self.problems.append(
                    FileProblem(file=preset.workflow or preset.id, line=None, message=message)
                )
            else:
                found[preset.id] = preset
        return found


def _read_all(
    shipped: Path, added: Path
) -> tuple[list[Preset], tuple[Preset, ...], list[Preset], list[FileProblem]]:
    ours, problems = read_curated(shipped, Origin.CURATED)
    theirs, more_problems = read_curated(added, Origin.ADDED)
    return ours, read_official(), theirs, [*problems, *more_problems]


def _by_filename(presets: Iterable[Preset]) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = defaultdict(list)
    for preset in presets:
        for file in preset.files:
            found[file.filename].append((preset, file))
    return dict(found)


def _by_place(presets: Iterable[Preset]) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = defaultdict(list)
    for preset in presets:
        for file in preset.files:
            found[file.place].append((preset, file))
    return dict(found)


def _text(preset: Preset) -> str:
    names = " ".join(file.filename for file in preset.files)
    return f"{preset.id} {preset.title} {preset.category} {' '.join(preset.tags)} {preset.description} {names}".lower()
