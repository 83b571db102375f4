"""A grid becomes cells."""

from typing import Any

import pytest

from backend.core.errors import InvalidRequest
from backend.jobs.grid import axes_of, cells_of


def values_of(spec: Any) -> list[Any]:
    (axis,) = axes_of({"seed": spec}, 10_000)
    return list(axis.values)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("1..4", [1, 2, 3, 4]),
        ("1..20..5", [1, 6, 11, 16]),
        ("3..1", [3, 2, 1]),
        ("10..0..-5", [10, 5, 0]),
        ("-2..1", [-2, -1, 0, 1]),
        ("0.5..1..0.25", [0.5, 0.75, 1.0]),
        ("0.1..0.3..0.1", [0.1, 0.2, 0.3]),
        ("7..7", [7]),
        (" 1..2 ", [1, 2]),
        (["1..2", None, 5], ["1..2", None, 5]),
    ],
)
def test_lists_and_ranges(spec: Any, expected: list[Any]) -> None:
    found = values_of(spec)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    "spec",
    ["", "cat", "1..", "..2", "1...2", "1..2..0", "1..5..-1", "9..1..2", [], {}, 5, None, "1..x", "9" * 30],
)
def test_what_is_neither_is_refused(spec: Any) -> None:
    with pytest.raises(InvalidRequest) as error:
        values_of(spec)
    assert error.value.error_code == "invalid_grid"


@pytest.mark.parametrize(
    "grid",
    [
        {"seed": "1..10001"},
        {"seed": "1..99999999999999999999"},
        {"seed": "0..1..0.0000000001"},
        {"seed": "1..1000", "steps": "1..100"},
        {"seed": "1..9999", "text": ["a", "b"]},
    ],
)
def test_a_grid_that_is_too_large_is_refused_before_it_is_expanded(grid: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as error:
        axes_of(grid, 10_000)
    assert error.value.error_code == "too_many_jobs"


def test_cells_are_in_the_order_of_the_axes() -> None:
    axes = axes_of({"6.text": ["a", "b"], "seed": "1..2"}, 10_000)
    assert list(cells_of(axes)) == [
        {"6.text": "a", "seed": 1},
        {"6.text": "a", "seed": 2},
        {"6.text": "b", "seed": 1},
        {"6.text": "b", "seed": 2},
    ]
    assert list(cells_of(())) == [{}]
