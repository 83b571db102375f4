"""From what hubs answer to what a person is shown: files with their sizes, and the folders they belong in."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from backend.core.model_folders import MODEL_FOLDERS, current_name
from backend.core.names import tame_name
from backend.sources.civitai import Name, Version
from backend.sources.formats import format_of
from backend.sources.hugging_face import Repository
from backend.sources.models import Access, ListingView, Look, Offer, RemoteFileView
from backend.sources.references import CivitaiFile, HubFile, HubFolder

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


def list_repository(repository: Repository, place: HubFile | HubFolder, endpoint: str) -> Look:
    """The file, or the files of the folder, sorted by path. Hidden files are nobody's model."""
    paths = [path for path in sorted(repository.files) if _is_meant(path, place) and tame_name(path)]
    title = repository.name if not place.path else f"{repository.name}/{place.path}"
    return Look(
        title=title,
        page=repository.page,
        licence=repository.licence,
        root=place.path if isinstance(place, HubFolder) else "",
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


def list_version(version: Version, site: str, place: CivitaiFile | None = None) -> Look:
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
        first_is_meant=True,
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


def view_of(look: Look) -> ListingView:
    files = [view_of_offer(offer) for offer in look.offers]
    return ListingView(
        title=look.title,
        page=look.page,
        licence=look.licence,
        access=look.access,
        message=_what_to_do(look),
        first_is_meant=look.first_is_meant,
        bytes=sum(file.bytes or 0 for file in files),
        files=files,
    )


def view_of_offer(offer: Offer) -> RemoteFileView:
    name = tame_name(offer.path or "")
    return RemoteFileView(
        url=offer.url,
        path=offer.path,
        filename=name,
        folder=offer.folder,
        bytes=offer.facts.bytes,
        sha256=offer.facts.sha256,
        format=format_of(name or ""),
        scan=offer.facts.scan,
    )


def _what_to_do(look: Look) -> str | None:
    match look.access:
        case Access.LICENCE_NEEDED:
            return (
                f"Its authors want a licence to be accepted first. Open {look.page}, accept it with your account, "
                "and set a token of that account in Settings. Then look again."
            )
        case Access.EARLY if look.open_from:
            return (
                f"In early access until {look.open_from:%d %B %Y}: who bought it on its page can download it with "
                "the token of that account; then it is open to everybody."
            )
    return None
