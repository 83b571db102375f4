"""Route of the thumbnails that all pages show: `/outputs/thumbnail/{path}?v=…`."""

from typing import Annotated

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.outputs.dependencies import Output, ThumbnailsService
from backend.outputs.folder import OutputFile
from backend.outputs.kinds import SHOWN_AS, Kind, suffix_of
from backend.web.caching import confirms
from backend.web.file_response import RangedFile

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, include_in_schema=False)

# A larger picture without a thumbnail is shown as a placeholder.
MAX_ORIGINAL_BYTES = 20_000_000
IMMUTABLE = "private, max-age=31536000, immutable"
REVALIDATED = "private, no-cache"
# The outlines of Lucide's icons `image` and `film`, in a grey that suits every theme.
PLACEHOLDER = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -16 56 56" fill="none" stroke="#8b8b93" stroke-width="1.5" '
    'stroke-linecap="round" stroke-linejoin="round"><rect width="18" height="18" x="3" y="3" rx="2"/>{}</svg>'
)
FILM = '<path d="M7 3v18M3 7.5h4M3 12h18M3 16.5h4M17 3v18M17 7.5h4M17 16.5h4"/>'
PICTURE = '<circle cx="9" cy="9" r="2"/><path d="m21 15-3.1-3.1a2 2 0 0 0-2.8 0L6 21"/>'


@router.get("/outputs/thumbnail/{path:path}")
async def show(
    request: Request,
    file: Output,
    thumbnails: ThumbnailsService,
    v: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Return a small WebP picture. `v` is any text that changes with the file; with it, browsers cache the picture.

    Without a thumbnail, return the file itself, or a placeholder for its kind.
    """
    thumbnail = await thumbnails.get(file)
    is_lasting = bool(v) and thumbnail.is_final
    headers = {"ETag": f'"{thumbnail.tag}"', "Cache-Control": IMMUTABLE if is_lasting else REVALIDATED}
    if thumbnail.is_final and confirms(request, thumbnail.tag):
        return Response(status_code=304, headers=headers)
    if thumbnail.content:
        return Response(thumbnail.content, media_type="image/webp", headers=headers)
    return _substitute(file, is_lasting=is_lasting)


def _substitute(file: OutputFile, *, is_lasting: bool) -> Response:
    headers = {"Cache-Control": IMMUTABLE if is_lasting else REVALIDATED}
    if file.kind == Kind.IMAGE and file.bytes <= MAX_ORIGINAL_BYTES:
        return RangedFile(file.real_path, media_type=SHOWN_AS[suffix_of(file.path)], headers=headers)
    placeholder = PLACEHOLDER.format(FILM if file.kind == Kind.VIDEO else PICTURE)
    return Response(placeholder, media_type="image/svg+xml", headers=headers)
