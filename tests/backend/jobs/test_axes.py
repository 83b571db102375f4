"""A batch is shown by the axes of its grid."""

import itertools
from typing import Any

from backend.core import clock
from backend.jobs.axes import grid_of
from backend.jobs.grid import axes_of, cells_of
from backend.jobs.models import Job
from backend.jobs.views import JobRow

TITLES = {"3": "Sampler", "6": "Prompt"}


def row(number: int, **fields: Any) -> JobRow:
    return JobRow(
        job=Job(id=str(number), name="job", position=number, prompt_hash="", created_at=clock.now(), **fields)
    )


def rows_of(grid: dict[str, Any]) -> tuple[list[JobRow], Any]:
    axes = axes_of(grid, 1000)
    return [row(n, cell=cell, values={"3.seed": n}) for n, cell in enumerate(cells_of(axes))], axes


def ids(cells: list[list[list[JobRow]]]) -> list[list[list[str]]]:
    return [[[each.job.id for each in cell] for cell in line] for line in cells]


def test_two_axes_make_a_table_with_the_fewest_values_across() -> None:
    rows, axes = rows_of({"3.steps": [10, 20, 30], "prompt": ["cat", "dog"]})
    grid = grid_of(rows, axes, TITLES)
    assert grid.across
    assert grid.down
    assert (grid.across.label, grid.across.values) == ("prompt", ("cat", "dog"))
    assert (grid.down.label, grid.down.values) == ("Sampler: steps", (10, 20, 30))
    assert ids(grid.cells) == [[["0"], ["1"]], [["2"], ["3"]], [["4"], ["5"]]]


def test_a_third_axis_is_a_caption_of_the_pictures() -> None:
    rows, axes = rows_of({"a": [1, 2], "b": [1, 2], "6.text": ["x", "y", "z"]})
    grid = grid_of(rows, axes, TITLES)
    assert [len(cell) for cell in itertools.chain(*grid.cells)] == [3, 3, 3, 3]
    assert [grid.captions[each.job.id] for each in grid.cells[0][0]] == [f"Prompt: text {v}" for v in "xyz"]


def test_inputs_that_happen_to_differ_are_no_axes() -> None:
    rows = [row(n, values={"6.text": text, "3.steps": n}) for n, text in enumerate(("cat", "dog"))]
    grid = grid_of(rows, (), TITLES)
    assert grid.across is None
    assert ids(grid.cells) == [[["0", "1"]]]


def test_repeated_runs_are_told_apart_by_their_seeds() -> None:
    grid = grid_of([row(n, values={"3.seed": n, "6.text": "a cat"}) for n in range(3)], (), TITLES)
    assert grid.across
    assert (grid.across.label, grid.across.values) == ("Sampler: seed", (0, 1, 2))


def test_an_axis_with_many_values_is_a_plain_grid_with_captions() -> None:
    rows, axes = rows_of({"cfg": "1..50"})
    grid = grid_of(rows, axes, TITLES)
    assert grid.across is None
    assert len(grid.cells[0][0]) == 50
    assert grid.captions["4"] == "cfg 5"
