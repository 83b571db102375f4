"""Find the presets that use a model file, and the content that they expect."""

from collections.abc import Collection, Hashable

from backend.presets.catalogue import Catalogue
from backend.presets.service import Presets
from backend.storage.models import ModelUse


class ModelUses:
    """What the storage page shows about presets."""

    def __init__(self, catalogue: Catalogue, presets: Presets):
        self._catalogue = catalogue
        self._presets = presets

    async def find(self, places: Collection[str]) -> dict[str, list[ModelUse]]:
        """Return the presets that need files of these paths, with the sizes and hashes that are known."""
        await self._catalogue.until_loaded()
        sources = [(place, *source) for place in places for source in self._catalogue.sources_at(place)]
        known = await self._presets.known(dict.fromkeys(file for _, _, file in sources))
        by_url = {entry.file.url: entry.file for entry in known}
        uses: dict[str, list[ModelUse]] = {}
        for place, preset, file in sources:
            published = by_url.get(file.url, file)
            use = ModelUse(
                preset.id, preset.title, file.bytes or published.bytes, file.sha256 or published.sha256
            )
            uses.setdefault(place, []).append(use)
        return uses

    def revision(self) -> Hashable:
        return self._catalogue.revision, self._presets.metadata_revision
