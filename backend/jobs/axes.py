"""The axes of a batch: which values differ from job to job, and where each job lies between them. Pure functions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.jobs.inputs import SEEDS
from backend.jobs.views import JobRow

# A table with more columns than this is shown as a plain grid.
MOST_COLUMNS = 12


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One input with the values that it has in a batch."""

    address: str
    label: str
    values: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Jobs in rows and columns; without axes, all jobs are in one row."""

    across: Axis | None
    down: Axis | None
    # For each value of `down`, or once: the jobs of each value of `across`, in this order.
    cells: list[list[list[JobRow]]]


def grid_of(rows: Sequence[JobRow], titles: Mapping[str, str]) -> Grid:
    """Return the jobs by the one or two inputs that tell them apart, seeds only where nothing else does."""
    axes = _axes(rows, titles)
    across = axes[0] if axes and len(axes[0].values) <= MOST_COLUMNS else None
    down = axes[1] if across and len(axes) > 1 else None
    if across is None:
        return Grid(across=None, down=None, cells=[[list(rows)]])
    lines = down.values if down else (None,)
    cells = [
        [
            [row for row in rows if _at(row, across, column) and (down is None or _at(row, down, line))]
            for column in across.values
        ]
        for line in lines
    ]
    return Grid(across=across, down=down, cells=cells)


def _axes(rows: Sequence[JobRow], titles: Mapping[str, str]) -> list[Axis]:
    """Return the inputs with several values, the one with the fewest first."""
    addresses = dict.fromkeys(address for row in rows for address in row.job.values)
    found = []
    for address in addresses:
        values = {_key(row.job.values.get(address)): row.job.values.get(address) for row in rows}
        if len(values) > 1:
            node, _, name = address.partition(".")
            label = f"{titles.get(node, node)}: {name}"
            found.append(Axis(address=address, label=label, values=tuple(values.values())))
    without_seeds = [axis for axis in found if axis.address.rpartition(".")[2] not in SEEDS]
    return sorted(without_seeds or found, key=lambda axis: len(axis.values))


def _at(row: JobRow, axis: Axis, value: Any) -> bool:
    return _key(row.job.values.get(axis.address)) == _key(value)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
