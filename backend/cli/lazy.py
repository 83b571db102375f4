"""Connect a command to a control plane. The HTTP client is imported here, once a command needs it."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane


@contextlib.contextmanager
def control_plane(*, outlives: bool = False) -> "Iterator[ControlPlane]":
    """Yield a control plane that the command is signed in to; with `outlives`, one that stays afterwards."""
    from backend.cli.connect import connected  # noqa: PLC0415

    with connected(outlives=outlives) as plane:
        yield plane


@contextlib.contextmanager
def running_control_plane() -> "Iterator[ControlPlane]":
    """Yield one that answers at once and needs no password from the user; CommandError where there is none."""
    from backend.cli.connect import connected_now  # noqa: PLC0415

    with connected_now() as plane:
        yield plane
