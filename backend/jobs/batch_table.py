"""The jobs of a batch as a table: rows and columns are the axes of its grid, else its seeds. Pure functions."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.jobs.inputs import is_seed
from backend.jobs.models import Axis
from backend.jobs.views import JobRow

# With more columns than this, all jobs are in one cell.
MOST_COLUMNS = 12


@dataclass(frozen=True, kw_only=True)
class LabelledAxis:
    """One input with the values that it has in a batch."""

    label: str
    values: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class BatchTable:
    """Jobs in rows and columns. Without axes, all jobs are in one cell."""

    across: LabelledAxis | None = None
    down: LabelledAxis | None = None
    # For each value of `down`, or once: the jobs of each value of `across`, in this order.
    cells: list[list[list[JobRow]]]
    # By job: the values of the axes that are neither rows nor columns.
    captions: Mapping[str, str]


def table_of(rows: Sequence[JobRow], axes: Sequence[Axis], titles: Mapping[str, str]) -> BatchTable:
    """Return the jobs by the two axes with the fewest values; without axes, by the only thing that differs: a seed."""
    varied = sorted((axis for axis in axes if len(axis.values) > 1), key=lambda axis: len(axis.values))
    cells = {row.job.id: row.job.cell for row in rows}
    if not axes and (seeds := _seeds(rows)):
        varied, cells = [seeds], {row.job.id: row.job.values for row in rows}
    if not varied or len(varied[0].values) > MOST_COLUMNS:
        captions = {job_id: _caption(cell, varied, titles) for job_id, cell in cells.items()}
        return BatchTable(cells=[[list(rows)]], captions=captions)
    shown, others = varied[:2], varied[2:]
    placed: dict[str, list[JobRow]] = {}
    for row in rows:
        cell = cells[row.job.id]
        placed.setdefault(_key([cell.get(axis.input) for axis in shown]), []).append(row)
    across = shown[0].values
    lines = [[line] for line in shown[1].values] if len(shown) > 1 else [[]]
    return BatchTable(
        across=_labelled(shown[0], titles),
        down=_labelled(shown[1], titles) if len(shown) > 1 else None,
        cells=[[placed.get(_key([column, *line]), []) for column in across] for line in lines],
        captions={job_id: _caption(cell, others, titles) for job_id, cell in cells.items()},
    )


def _seeds(rows: Sequence[JobRow]) -> Axis | None:
    """Return the seed that tells the jobs apart, if nothing else does."""
    addresses = dict.fromkeys(itertools.chain.from_iterable(row.job.values for row in rows))
    varied = [
        address for address in addresses if len({_key(row.job.values.get(address)) for row in rows}) > 1
    ]
    if len(varied) != 1 or not is_seed(varied[0]):
        return None
    (address,) = varied
    values = {_key(row.job.values.get(address)): row.job.values.get(address) for row in rows}
    return Axis(input=address, values=tuple(values.values()))


def _labelled(axis: Axis, titles: Mapping[str, str]) -> LabelledAxis:
    return LabelledAxis(label=_label(axis.input, titles), values=axis.values)


def _label(name: str, titles: Mapping[str, str]) -> str:
    """Return the name of an input as it was given; `3.steps` with the title of the node."""
    node, dot, field = name.partition(".")
    return f"{titles.get(node, node)}: {field}" if dot else name


def _caption(cell: Mapping[str, Any], axes: Sequence[Axis], titles: Mapping[str, str]) -> str:
    return " · ".join(f"{_label(axis.input, titles)} {cell.get(axis.input)}" for axis in axes)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
