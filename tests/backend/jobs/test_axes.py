"""A batch is shown by what tells its jobs apart."""

from typing import Any

from backend.core import clock
from backend.jobs.axes import grid_of
from backend.jobs.models import Job
from backend.jobs.views import JobRow

TITLES = {"3": "Sampler", "6": "Prompt"}


def rows(*values: dict[str, Any]) -> list[JobRow]:
    return [
        JobRow(
            job=Job(
                id=str(number),
                name="job",
                position=number,
                prompt_hash="",
                values=each,
                created_at=clock.now(),
            )
        )
        for number, each in enumerate(values)
    ]


def test_two_inputs_make_a_table() -> None:
    made = [
        {"6.text": text, "3.steps": steps, "3.seed": seed}
        for seed, (text, steps) in enumerate(
            (text, steps) for text in ("cat", "dog") for steps in (10, 20, 30)
        )
    ]
    grid = grid_of(rows(*made), TITLES)
    assert grid.across
    assert grid.down
    assert (grid.across.label, grid.across.values) == ("Prompt: text", ("cat", "dog"))
    assert (grid.down.label, grid.down.values) == ("Sampler: steps", (10, 20, 30))
    assert [[[row.job.id for row in cell] for cell in line] for line in grid.cells] == [
        [["0"], ["3"]],
        [["1"], ["4"]],
        [["2"], ["5"]],
    ]


def test_seeds_are_an_axis_only_where_nothing_else_differs() -> None:
    grid = grid_of(rows(*({"3.seed": seed} for seed in range(3))), TITLES)
    assert grid.across
    assert grid.across.values == (0, 1, 2)


def test_a_job_without_the_value_has_a_column_of_its_own() -> None:
    grid = grid_of(rows({"3.steps": 10}, {}), TITLES)
    assert grid.across
    assert grid.across.values == (10, None)


def test_many_values_are_a_plain_grid() -> None:
    grid = grid_of(rows(*({"6.text": f"{number}"} for number in range(50))), TITLES)
    assert grid.across is None
    assert len(grid.cells[0][0]) == 50
