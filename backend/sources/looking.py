"""From what hubs answer to what a person is shown: files with their sizes, and the folders they belong in."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from backend.core.folders import MODEL_FOLDERS, current_name
from backend.core.names import tame_name
from backend.sources.civitai import Name, Version
from backend.sources.hugging_face import Repository
from backend.sources.models import Access, Look, Offer
from backend.sources.places import CivitaiFile, HubFile, HubFolder

# Civitai's kinds of models, and the folders that ComfyUI looks for them in.
FOLDERS_BY_TYPE: Mapping[str, str] = {
    "Checkpoint": "checkpoints",
    "Controlnet": "controlnet",
    "DoRA": "loras",
    "Hypernetwork": "hypernetworks",
    "LORA": "loras",
    "LoCon": "loras",
    "TextualInversion": "embeddings",
    "Upscaler": "upscale_models",
    "VAE": "vae",
}


def look_at_repository(repository: Repository, place: HubFile | HubFolder, endpoint: str) -> Look:
    """The file, or the files of the folder, sorted by path. Hidden files are nobody's model."""
    paths = [path for path in sorted(repository.files) if _is_meant(path, place) and tame_name(path)]
    title = repository.name if not place.path else f"{repository.name}/{place.path}"
    return Look(
        title=title,
        page=repository.page,
        licence=repository.licence,
        offers=tuple(_offer_of_repository(repository, path, endpoint) for path in paths),
    )


def _is_meant(path: str, place: HubFile | HubFolder) -> bool:
    if isinstance(place, HubFile):
        return path == place.path
    hidden = any(part.startswith(".") for part in path.split("/"))
    return not hidden and (not place.path or path.startswith(f"{place.path}/"))


def _offer_of_repository(repository: Repository, path: str, endpoint: str) -> Offer:
    """Pinned to the commit: what was looked at is what will come, whatever happens to the branch."""
    address = HubFile(repo=repository.name, revision=repository.commit, path=path).address(endpoint)
    return Offer(url=address, path=path, folder=folder_in(path), facts=repository.files[path])


def look_at_version(version: Version, site: str, place: CivitaiFile | None = None) -> Look:
    """All files, the primary one first; with `place` only the one that it means."""
    files = version.primary_first
    if place:
        files = [file for file in files if file == version.chosen(place)]
    about = version.model or Name(name="", type="")
    return Look(
        title=", ".join(filter(None, (about.name, version.name))),
        page=_page(version, site),
        access=Access.EARLY if version.is_early else Access.OPEN,
        open_from=version.early_until if version.is_early else None,
        offers=tuple(
            Offer(
                url=version.address(file, site).address,
                path=file.name,
                folder="vae" if file.type == "VAE" else FOLDERS_BY_TYPE.get(about.type),
                facts=file.facts,
            )
            for file in files
        ),
    )


def _page(version: Version, site: str) -> str | None:
    return f"{site}/models/{version.model_id}?modelVersionId={version.id}" if version.model_id else None


def folder_in(path: str) -> str | None:
    """`split_files/vae/ae.safetensors` → `vae`: the last folder that is called like one of ComfyUI's."""
    parents = (current_name(part) for part in reversed(PurePosixPath(path).parts[:-1]))
    return next((name for name in parents if name in MODEL_FOLDERS), None)
