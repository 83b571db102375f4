"""A batch is shown as a table, by the axes of its grid."""

import itertools
from typing import Any

from backend.core import clock
from backend.jobs.batch_table import table_of
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
    table = table_of(rows, axes, TITLES)
    assert table.across
    assert table.down
    assert (table.across.label, table.across.values) == ("prompt", ("cat", "dog"))
    assert (table.down.label, table.down.values) == ("Sampler: steps", (10, 20, 30))
    assert ids(table.cells) == [[["0"], ["1"]], [["2"], ["3"]], [["4"], ["5"]]]


def test_a_third_axis_is_a_caption_of_the_pictures() -> None:
    rows, axes = rows_of({"a": [1, 2], "b": [1, 2], "6.text": ["x", "y", "z"]})
    table = table_of(rows, axes, TITLES)
    assert [len(cell) for cell in itertools.chain(*table.cells)] == [3, 3, 3, 3]
    assert [table.captions[each.job.id] for each in table.cells[0][0]] == [f"Prompt: text {v}" for v in "xyz"]


def test_inputs_that_happen_to_differ_are_no_axes() -> None:
    rows = [row(n, values={"6.text": text, "3.steps": n}) for n, text in enumerate(("cat", "dog"))]
    table = table_of(rows, (), TITLES)
    assert table.across is None
    assert ids(table.cells) == [[["0", "1"]]]


def test_repeated_runs_are_told_apart_by_their_seeds() -> None:
    table = table_of([row(n, values={"3.seed": n, "6.text": "a cat"}) for n in range(3)], (), TITLES)
    assert table.across
    assert (table.across.label, table.across.values) == ("Sampler: seed", (0, 1, 2))


def test_an_axis_with_many_values_is_one_cell_with_captions() -> None:
    rows, axes = rows_of({"cfg": "1..50"})
    table = table_of(rows, axes, TITLES)
    assert table.across is None
    assert len(table.cells[0][0]) == 50
    assert table.captions["4"] == "cfg 5"
