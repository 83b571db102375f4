"""The way from a command to a control plane. What speaks HTTP is imported only here, when a command needs it."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.cli.client import ControlPlane


@contextlib.contextmanager
def control_plane(*, outlives: bool = False) -> "Iterator[ControlPlane]":
    """A control plane, signed in to, as long as the block lasts; with `outlives`, one that goes on afterwards."""
    from backend.cli.connect import connected  # noqa: PLC0415

    with connected(outlives=outlives) as plane:
        yield plane


@contextlib.contextmanager
def running_control_plane() -> "Iterator[ControlPlane]":
    """One that answers at once and asks nothing of a person; `CommandError` where there is none."""
    from backend.cli.connect import connected_now  # noqa: PLC0415

    with connected_now() as plane:
        yield plane
