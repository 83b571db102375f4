"""Looks at destinations below the models folder, which may hold anything."""

import asyncio

from backend.core.errors import InvalidRequest
from backend.storage.service import Storage


async def is_installed(storage: Storage, folder: str, filename: str) -> bool:
    """Return whether the file exists. Raise InvalidRequest when its folder cannot be used."""
    return await asyncio.to_thread(exists, storage, folder, filename)


def exists(storage: Storage, folder: str, filename: str) -> bool:
    try:
        storage.path_of(folder, filename).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:  # a loop of symbolic links, a path that is too long, no permission
        raise InvalidRequest(
            f"{folder[:100]}/{filename[:100]} cannot be used: {error.strerror}. Choose another folder or name.",
            code="bad_destination",
        ) from None
    return True
