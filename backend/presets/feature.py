"""Presets as a feature: the catalogue and the workflows it serves."""

from functools import partial

import structlog

from backend.activity.service import Activity
from backend.comfy.client import ComfyClient
from backend.core.errors import AppError
from backend.downloads.cancellations import Cancellations
from backend.downloads.continuation import Continuation
from backend.downloads.dependencies import PresetTitles
from backend.downloads.service import Downloads
from backend.presets import api
from backend.presets.added_workflows import AddedWorkflows
from backend.presets.catalogue import Catalogue
from backend.presets.listing import PresetList
from backend.presets.model_uses import ModelUses
from backend.presets.pages import catalogue as catalogue_pages
from backend.presets.pages import from_workflow, preset, selection, share
from backend.presets.repairs import Repairs
from backend.presets.requirements import Requirements
from backend.presets.selection import Selection
from backend.presets.service import Presets
from backend.presets.sharing import Sharing
from backend.presets.thumbnails import Thumbnails
from backend.sources.metadata import HubMetadata
from backend.sources.service import Sources
from backend.storage.dependencies import ModelUsers
from backend.storage.service import Storage
from backend.storage.verification import Verifications
from backend.web.features import Context, Feature, Running

log = structlog.get_logger(__name__)


async def start(context: Context) -> Running:
    registry, settings = context.registry, context.settings
    downloads, storage = registry.get(Downloads), registry.get(Storage)
    catalogue = Catalogue(settings.presets_dir, context.paths.presets)
    context.stack.callback(catalogue.reader.close)
    presets = Presets(
        catalogue,
        downloads,
        registry.get(Cancellations),
        storage,
        registry.get(Verifications),
        registry.get(HubMetadata),
        registry.get(Activity),
    )
    uses = ModelUses(catalogue, presets)
    return Running(
        services=(
            presets,
            PresetList(presets, downloads, storage, context.events),
            Repairs(presets, downloads, registry.get(Continuation), storage, registry.get(Verifications)),
            Requirements(presets, downloads, storage, registry.get(ComfyClient)),
            Selection(presets, storage),
            Sharing(catalogue, downloads, storage, registry.get(Sources), context.paths.presets),
            Thumbnails(settings.workspace),
            AddedWorkflows(settings.run_dir / "added-workflows"),
            PresetTitles(catalogue.title_of),
            ModelUsers(uses.find, uses.revision),
        ),
        background=(
            catalogue.load_first,
            partial(_download_at_start, settings.preset_download, presets),
        ),
    )


async def _download_at_start(preset_ids: tuple[str, ...], presets: Presets) -> None:
    """`PRESET_DOWNLOAD`: one unknown id must not keep the others from being downloaded."""
    await presets.catalogue.until_loaded()
    for preset_id in preset_ids:
        try:
            await presets.download(preset_id)
        except AppError as error:
            log.warning("preset of PRESET_DOWNLOAD was not started", preset=preset_id, reason=error.message)


FEATURE = Feature(
    name="presets",
    # `preset` last: the page of one preset takes any name.
    routers=(
        api.router,
        share.router,
        from_workflow.router,
        selection.router,
        catalogue_pages.router,
        preset.router,
    ),
    start=start,
)
