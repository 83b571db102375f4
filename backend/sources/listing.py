"""Turns the responses of hubs into lists of files with their sizes and the folders they belong in."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from backend.core.model_folders import MODEL_FOLDERS, current_name
from backend.core.names import safe_name
from backend.sources.civitai import Name, Version
from backend.sources.formats import format_of
from backend.sources.hugging_face import Repository
from backend.sources.models import Access, Listing, RemoteFile
from backend.sources.references import CivitaiFile, HubFile, HubFolder
from backend.sources.schemas import ListingView, RemoteFileView

# Civitai's types of models, and the folders of ComfyUI they belong in.
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


def list_repository(repository: Repository, reference: HubFile | HubFolder, endpoint: str) -> Listing:
    """Return the file, or the files of the folder, sorted by path and without hidden ones."""
    paths = [path for path in sorted(repository.files) if _is_part_of(path, reference) and safe_name(path)]
    title = repository.name if not reference.path else f"{repository.name}/{reference.path}"
    return Listing(
        title=title,
        page=repository.page,
        licence=repository.licence,
        root=reference.path if isinstance(reference, HubFolder) else "",
        files=tuple(_file_of_repository(repository, path, endpoint) for path in paths),
    )


def _is_part_of(path: str, reference: HubFile | HubFolder) -> bool:
    if isinstance(reference, HubFile):
        return path == reference.path
    hidden = any(part.startswith(".") for part in path.split("/"))
    return not hidden and (not reference.path or path.startswith(f"{reference.path}/"))


def _file_of_repository(repository: Repository, path: str, endpoint: str) -> RemoteFile:
    """Pin the file to the commit, so that the download is what the listing showed."""
    url = HubFile(repo=repository.name, revision=repository.commit, path=path).url(endpoint)
    return RemoteFile(url=url, path=path, folder=folder_in(path), metadata=repository.files[path])


def list_version(version: Version, site: str, reference: CivitaiFile | None = None) -> Listing:
    """Return all files, the primary one first; with `reference` only the one that it selects."""
    files = version.primary_first
    if reference:
        files = [file for file in files if file == version.selected(reference)]
    model = version.model or Name(name="", type="")
    return Listing(
        title=", ".join(filter(None, (model.name, version.name))),
        page=_page(version, site),
        access=Access.EARLY if version.is_early else Access.OPEN,
        available_from=version.early_until if version.is_early else None,
        first_is_main=True,
        files=tuple(
            RemoteFile(
                url=version.reference_to(file, site).url,
                path=file.name,
                folder="vae" if file.type == "VAE" else FOLDERS_BY_TYPE.get(model.type),
                metadata=file.published,
            )
            for file in files
        ),
    )


def _page(version: Version, site: str) -> str | None:
    return f"{site}/models/{version.model_id}?modelVersionId={version.id}" if version.model_id else None


def folder_in(path: str) -> str | None:
    """Return the last folder of `path` that has the name of a model folder: `split_files/vae/x.sft` → `vae`."""
    parents = (current_name(part) for part in reversed(PurePosixPath(path).parts[:-1]))
    return next((name for name in parents if name in MODEL_FOLDERS), None)


def listing_view(listing: Listing) -> ListingView:
    files = [remote_file_view(file) for file in listing.files]
    return ListingView(
        title=listing.title,
        page=listing.page,
        licence=listing.licence,
        access=listing.access,
        message=required_action(listing),
        first_is_main=listing.first_is_main,
        bytes=sum(file.bytes or 0 for file in files),
        files=files,
    )


def remote_file_view(file: RemoteFile) -> RemoteFileView:
    name = safe_name(file.path or "")
    return RemoteFileView(
        url=file.url,
        path=file.path,
        filename=name,
        folder=file.folder,
        bytes=file.metadata.bytes,
        sha256=file.metadata.sha256,
        format=format_of(name or ""),
        scan=file.metadata.scan,
    )


def required_action(listing: Listing) -> str | None:
    """Return what a user must do before the files can be downloaded."""
    match listing.access:
        case Access.LICENCE_NEEDED:
            return (
                f"The authors require you to accept a licence. Open {listing.page}, accept it with your account, "
                "and set a token of that account in Settings. Then try again."
            )
        case Access.EARLY if listing.available_from:
            return (
                f"In early access until {listing.available_from:%d %B %Y}: users who bought it on its page can "
                "download it with the token of that account. After that it is public."
            )
    return None
